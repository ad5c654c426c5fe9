"""Triton kernels of the losses: a row of logits is read and its gradient written once, where plain PyTorch passes over it some forty times."""

import torch
import triton
import triton.language as tl

BLOCK = 2048


@triton.jit
def _peak(logits, vocab, block: tl.constexpr):
    """Largest logit of a row, the sum of exponentials below it, and where it is (the first place of several)."""
    n = tl.arange(0, block)
    high = tl.full((block,), -1e30, tl.float32)
    sums = tl.zeros((block,), tl.float32)
    place = tl.zeros((block,), tl.int32)
    for at in range(0, vocab, block):
        seen = at + n < vocab
        x = tl.load(logits + at + n, mask=seen, other=-1e30).to(tl.float32)
        place = tl.where(x > high, at + n, place)
        higher = tl.maximum(high, x)
        sums = sums * tl.exp(high - higher) + tl.where(seen, tl.exp(x - higher), 0.0)
        high = higher
    top = tl.max(high, axis=0)
    total = tl.sum(sums * tl.exp(high - top), axis=0)
    return top, total, tl.min(tl.where(high == top, place, 2147483647), axis=0)


@triton.jit
def _goal_kernel(logits, kept, out, best, vocab, width, mapped: tl.constexpr, block: tl.constexpr):
    """The probabilities of one row, or of its `kept` tokens, in 16 bits."""
    row = tl.program_id(0).to(tl.int64)
    n = tl.arange(0, block)
    base = logits + row * vocab
    top, total, place = _peak(base, vocab, block)
    tl.store(best + row, place.to(tl.int64))
    for at in range(0, width, block):
        seen = at + n < width
        token = at + n
        if mapped:
            token = tl.load(kept + at + n, mask=seen, other=0).to(tl.int32)
        p = tl.exp(tl.load(base + token, mask=seen, other=0.0).to(tl.float32) - top) / total
        tl.store(out + row * width + at + n, p.to(out.dtype.element_ty), mask=seen)


@triton.jit
def _loss_kernel(logits, goal, rows, weight, value, accept, best, vocab, ce, tv, block: tl.constexpr):
    """Loss, accepted share and likeliest token of one row; its weighted gradient takes the place of its logits."""
    row = tl.program_id(0).to(tl.int64)
    n = tl.arange(0, block)
    base = logits + row * vocab
    aim = goal + tl.load(rows + row) * vocab
    top, total, place = _peak(base, vocab, block)
    tl.store(best + row, place.to(tl.int64))
    log_total = top + tl.log(total)
    entropy = tl.zeros((block,), tl.float32)
    sums = tl.zeros((block,), tl.float32)
    common = tl.zeros((block,), tl.float32)
    apart = tl.zeros((block,), tl.float32)
    signs = tl.zeros((block,), tl.float32)
    for at in range(0, vocab, block):
        seen = at + n < vocab
        logq = tl.load(base + at + n, mask=seen, other=-1e30).to(tl.float32) - log_total
        p = tl.load(aim + at + n, mask=seen, other=0.0).to(tl.float32)
        q = tl.exp(logq)
        sign = tl.where(q > p, 1.0, tl.where(q < p, -1.0, 0.0))
        entropy -= tl.where(seen, p * logq, 0.0)
        sums += p
        common += tl.minimum(p, q)
        apart += tl.abs(q - p)
        signs += sign * q
    tl.store(value + row, ce * tl.sum(entropy, axis=0) + tv * tl.sum(apart, axis=0))
    tl.store(accept + row, tl.sum(common, axis=0))
    whole = tl.sum(sums, axis=0)
    signed = tl.sum(signs, axis=0)
    w = tl.load(weight + row)
    for at in range(0, vocab, block):
        seen = at + n < vocab
        q = tl.exp(tl.load(base + at + n, mask=seen, other=-1e30).to(tl.float32) - log_total)
        p = tl.load(aim + at + n, mask=seen, other=0.0).to(tl.float32)
        sign = tl.where(q > p, 1.0, tl.where(q < p, -1.0, 0.0))
        # The goal may lack what a trimmed vocabulary leaves out: its sum is then below one.
        gradient = (ce * (q * whole - p) + tv * q * (sign - signed)) * w
        tl.store(base + at + n, gradient.to(logits.dtype.element_ty), mask=seen)


def goal_rows(logits: torch.Tensor, kept: torch.Tensor | None, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities [n, v] in `dtype` of logits [n, vocab], of the tokens `kept` i64[v] where given; the likeliest i64[n]."""
    count, vocab = logits.shape
    width = vocab if kept is None else kept.numel()
    out = torch.empty((count, width), dtype=dtype, device=logits.device)
    best = torch.empty(count, dtype=torch.int64, device=logits.device)
    _goal_kernel[(count,)](logits, best if kept is None else kept, out, best, vocab, width, mapped=kept is not None, block=BLOCK, num_warps=8)
    return out, best


def loss_rows(logits, goal, rows, weight, ce: float, tv: float):
    """Of each row of logits [r, v]: loss f32[r], accepted share f32[r], likeliest token i64[r]; then the gradient [r, v].

    `logits` is overwritten by the gradient.
    """
    count, vocab = logits.shape
    value, accept = torch.empty(count, device=logits.device), torch.empty(count, device=logits.device)
    best = torch.empty(count, dtype=torch.int64, device=logits.device)
    _loss_kernel[(count,)](logits, goal, rows, weight, value, accept, best, vocab, float(ce), float(tv), block=BLOCK, num_warps=8)
    return value, accept, best, logits

"""Attention of one new token a sequence over caches of different lengths, as a Triton kernel."""

import torch
import triton
import triton.language as tl


@triton.jit
def _kernel(q, k, v, length, out, row_k, head_k, groups, kv_heads: tl.constexpr, d: tl.constexpr, pad: tl.constexpr, block: tl.constexpr):
    """One sequence and key head: its queries, padded to `pad` rows, over the first length + 1 positions."""
    row = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    g, c, n = tl.arange(0, pad), tl.arange(0, d), tl.arange(0, block)
    base = ((row * kv_heads + head) * groups + g[:, None]) * d + c[None, :]
    queries = tl.load(q + base, mask=g[:, None] < groups, other=0.0)
    count = tl.load(length + row).to(tl.int32) + 1
    best = tl.full((pad,), -1e30, tl.float32)
    total = tl.zeros((pad,), tl.float32)
    sums = tl.zeros((pad, d), tl.float32)
    start = row * row_k + head * head_k
    for at in range(0, count, block):
        seen = at + n < count
        place = start + (at + n)[:, None] * d + c[None, :]
        keys = tl.load(k + place, mask=seen[:, None], other=0.0)
        scores = tl.where(seen[None, :], tl.dot(queries, tl.trans(keys)), -1e30)
        higher = tl.maximum(best, tl.max(scores, axis=1))
        weights = tl.exp(scores - higher[:, None])
        rescale = tl.exp(best - higher)
        values = tl.load(v + place, mask=seen[:, None], other=0.0)
        total = total * rescale + tl.sum(weights, axis=1)
        sums = sums * rescale[:, None] + tl.dot(weights.to(values.dtype), values)
        best = higher
    tl.store(out + base, (sums / total[:, None]).to(queries.dtype), mask=g[:, None] < groups)


def decode_attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    """q [b, kv, g, d], already scaled and contiguous; k and v [b, kv, n, d] of equal strides, positions behind one another."""
    b, kv, g, d = q.shape
    q = q.contiguous()
    out = torch.empty_like(q)
    assert k.stride() == v.stride() and k.stride(2) == d
    _kernel[(b, kv)](q, k, v, length, out, k.stride(0), k.stride(1), g, kv_heads=kv, d=d, pad=16, block=64)
    return out

"""Losses of distributions over a vocabulary, without a gradient of the size of the logits in memory."""

import functools

import torch
import torch.nn.functional as F

#: Rows of logits at a time.
CHUNK = 8192


def plain_goals(logits, kept, dtype):
    """What `kernels.goal_rows` gives."""
    p = logits.float()
    best = p.argmax(dim=-1)
    p = p.softmax(dim=-1)
    return (p if kept is None else p[:, kept]).to(dtype), best


def plain_loss(logits, goal, rows, weight, ce, tv):
    """What `kernels.loss_rows` gives."""
    kind, logits = logits.dtype, logits.float()
    best = logits.argmax(dim=-1)
    logp = F.log_softmax(logits, dim=-1)
    p = goal[rows].float()
    q = logp.exp()
    entropy = -(p * logp).sum(dim=-1)
    # The goal may lack what a trimmed vocabulary leaves out: its sum is then below one.
    gradient = ce * (q * p.sum(dim=-1, keepdim=True) - p)
    difference = q - p
    accept = torch.minimum(p, q).sum(dim=-1)
    if tv:
        sign = difference.sign()
        gradient += tv * q * (sign - (sign * q).sum(dim=-1, keepdim=True))
    value = ce * entropy + tv * difference.abs().sum(dim=-1)
    return value, accept, best, (gradient * weight[:, None]).to(kind)


def apart(goal_rows, loss_rows, device, dtype, vocab: int = 5000, rows: int = 6) -> float:
    """By how much two functions in the place of the plain ones are off on random rows, relative to the largest value."""
    make = torch.Generator().manual_seed(0)
    rand = lambda *shape: (torch.randn(shape, generator=make) * 2).to(device, dtype)
    kept = torch.arange(0, vocab, 3, device=device)
    target, guess = rand(rows, vocab), rand(2 * rows, kept.numel())
    at, weight = torch.arange(2 * rows, device=device) % rows, rand(2 * rows).float().abs()
    goal, best = plain_goals(target, kept, dtype)
    whole, _ = plain_goals(target, None, dtype)
    wanted = (goal, whole, best, *plain_loss(guess, goal, at, weight, 0.5, 1.0))
    found_goal, found_best = goal_rows(target, kept, dtype)
    found = (found_goal, goal_rows(target, None, dtype)[0], found_best, *loss_rows(guess.clone(), goal, at, weight, 0.5, 1.0))
    return max(((a.float() - b.float()).abs().max() / b.float().abs().max()).item() for a, b in zip(found, wanted))


@functools.cache
def _rows_on(device: torch.device):
    """(goals, loss) of rows: the Triton kernels on a GPU where they give what the plain ones give."""
    if device.type == "cuda":
        try:
            import kernels

            off = apart(kernels.goal_rows, kernels.loss_rows, device, torch.float16)
            print(f"losses by Triton kernels, off by {off:.2g}" + ("" if off < 0.01 else ": plain ones are taken"), flush=True)
            if off < 0.01:
                return kernels.goal_rows, kernels.loss_rows
        except Exception as error:
            print(f"losses by plain PyTorch: the Triton kernels failed, {error!r}", flush=True)
    return plain_goals, plain_loss


class _SoftLoss(torch.autograd.Function):
    """Cross entropy and total variation between what rows predict and a goal; see `soft_loss`."""

    @staticmethod
    def forward(ctx, hidden, output, goal, rows, weight, ce, tv, learnt):
        of_rows = _rows_on(hidden.device)[1]
        total = weight.sum().clamp(min=1e-6)
        loss = hidden.new_zeros((), dtype=torch.float32)
        grad_hidden = torch.empty_like(hidden)
        first = output.shape[1] - learnt if learnt else 0
        grad_output = torch.zeros(output.shape, dtype=torch.float32, device=output.device) if ctx.needs_input_grad[1] else None
        accept = torch.empty(hidden.shape[0], device=hidden.device)
        best = torch.empty(hidden.shape[0], dtype=torch.int64, device=hidden.device)
        for at in range(0, hidden.shape[0], CHUNK):
            cut = slice(at, at + CHUNK)
            x, w = hidden[cut], weight[cut]
            value, accept[cut], best[cut], gradient = of_rows(F.linear(x, output), goal, rows[cut], w, ce, tv)
            loss += (w * value).sum() / total
            grad_hidden[cut] = gradient @ output
            if grad_output is not None:
                grad_output[:, first:] += gradient.T @ x[:, first:]
        ctx.save_for_backward(grad_hidden, grad_output, total)
        ctx.mark_non_differentiable(accept, best)
        return loss, accept, best

    @staticmethod
    def backward(ctx, grad, _accept, _best):
        grad_hidden, grad_output, total = ctx.saved_tensors
        grad = grad / total
        output = None if grad_output is None else (grad * grad_output).to(grad_hidden.dtype)
        return (grad * grad_hidden).to(grad_hidden.dtype), output, None, None, None, None, None, None


def soft_loss(hidden, output, goal, rows, weight, ce: float = 1.0, tv: float = 0.0, learnt: int = 0):
    """The loss of softmax(hidden output^T) against goal[rows], weighted means over the rows.

    hidden [r, h] and output [v, h] in one 16-bit dtype (f32 on a CPU), goal: probabilities [n, v], rows i64[r],
    weight f32[r]. `ce` weighs the cross entropy, `tv` the sum of absolute differences. Where only the last `learnt`
    columns of output are trained, the others' gradient is left zero. Gives the loss, and of each row the share of
    tokens that a verifier would accept (sum of minima, f32) and the likeliest token.
    """
    return _SoftLoss.apply(hidden.contiguous(), output, goal, rows, weight, ce, tv, learnt)


@torch.no_grad()
def goals(verifier, hidden: torch.Tensor, kept: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """What a verifier predicts at each of hidden [n, h]: probabilities [n, v] in 16 bits, and the likeliest tokens i64[n].

    `kept` i64[v]: only their tokens' probabilities, which need not add up to one then.
    """
    of_rows = _rows_on(hidden.device)[0]
    dtype = torch.float16 if hidden.is_cuda else torch.float32
    parts = [of_rows(verifier.logits(hidden[at : at + CHUNK]), kept, dtype) for at in range(0, hidden.shape[0], CHUNK)]
    return parts[0] if len(parts) == 1 else tuple(torch.cat(some) for some in zip(*parts))

"""Losses of distributions over a vocabulary, without a gradient of the size of the logits in memory."""

import torch
import torch.nn.functional as F

#: Rows of logits at a time.
CHUNK = 8192


class _SoftLoss(torch.autograd.Function):
    """Cross entropy and total variation between what rows predict and a goal; see `soft_loss`."""

    @staticmethod
    def forward(ctx, hidden, output, goal, rows, weight, ce, tv):
        total = weight.sum().clamp(min=1e-6)
        loss = hidden.new_zeros((), dtype=torch.float32)
        grad_hidden = torch.empty_like(hidden)
        grad_output = torch.zeros(output.shape, dtype=torch.float32, device=output.device) if ctx.needs_input_grad[1] else None
        accept = torch.empty(hidden.shape[0], device=hidden.device)
        best = torch.empty(hidden.shape[0], dtype=torch.int64, device=hidden.device)
        for at in range(0, hidden.shape[0], CHUNK):
            cut = slice(at, at + CHUNK)
            x = hidden[cut]
            logits = F.linear(x, output).float()
            best[cut] = logits.argmax(dim=-1)
            logp = F.log_softmax(logits, dim=-1)
            p = goal[rows[cut]].float()
            q = logp.exp()
            w = weight[cut][:, None]
            entropy = -(p * logp).sum(dim=-1)
            # The goal may lack what a trimmed vocabulary leaves out: its sum is then below one.
            gradient = ce * (q * p.sum(dim=-1, keepdim=True) - p)
            difference = q - p
            accept[cut] = torch.minimum(p, q).sum(dim=-1)
            if tv:
                sign = difference.sign()
                gradient += tv * q * (sign - (sign * q).sum(dim=-1, keepdim=True))
            loss += (w[:, 0] * (ce * entropy + tv * difference.abs().sum(dim=-1))).sum() / total
            gradient = (gradient * w).to(x.dtype)
            grad_hidden[cut] = gradient @ output
            if grad_output is not None:
                grad_output += gradient.T @ x
        ctx.save_for_backward(grad_hidden, grad_output, total)
        ctx.mark_non_differentiable(accept, best)
        return loss, accept, best

    @staticmethod
    def backward(ctx, grad, _accept, _best):
        grad_hidden, grad_output, total = ctx.saved_tensors
        grad = grad / total
        output = None if grad_output is None else (grad * grad_output).to(grad_hidden.dtype)
        return (grad * grad_hidden).to(grad_hidden.dtype), output, None, None, None, None, None


def soft_loss(hidden, output, goal, rows, weight, ce: float = 1.0, tv: float = 0.0):
    """The loss of softmax(hidden output^T) against goal[rows], weighted means over the rows.

    hidden [r, h] and output [v, h] in one 16-bit dtype (f32 on a CPU), goal: probabilities [n, v], rows i64[r],
    weight f32[r]. `ce` weighs the cross entropy, `tv` the sum of absolute differences. Gives the loss, and of each row
    the share of tokens that a verifier would accept (sum of minima, f32) and the likeliest token.
    """
    return _SoftLoss.apply(hidden, output, goal, rows, weight, ce, tv)


@torch.no_grad()
def goals(verifier, hidden: torch.Tensor, kept: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """What a verifier predicts at each of hidden [n, h]: probabilities [n, v] in 16 bits, and the likeliest tokens i64[n].

    `kept` i64[v]: only their tokens' probabilities, which need not add up to one then.
    """
    dtype = torch.float16 if hidden.is_cuda else torch.float32
    width = verifier.output.shape[0] if kept is None else kept.numel()
    out = torch.empty((hidden.shape[0], width), dtype=dtype, device=hidden.device)
    best = torch.empty(hidden.shape[0], dtype=torch.int64, device=hidden.device)
    for at in range(0, hidden.shape[0], CHUNK):
        p = verifier.logits(hidden[at : at + CHUNK]).float()
        best[at : at + CHUNK] = p.argmax(dim=-1)
        p = p.softmax(dim=-1)
        out[at : at + CHUNK] = (p if kept is None else p[:, kept]).to(dtype)
    return out, best

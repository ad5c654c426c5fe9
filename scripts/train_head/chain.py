"""What EAGLE-2 and EAGLE-3 heads have in common: a chain of steps that feeds on its own output.

A pair i of a text is (embedding of token i + 1, hidden state i) at rope position i, and predicts token i + 2. A chain has
a root i: its step 0 is pair i, its step s has the embedding of token i + 1 + s, the output of step s - 1, and rope
position i + s. It attends to the pairs up to its root and to its own steps: what drafting sees, true hidden states up to
the root and its own guesses behind it. All roots of a batch are unrolled at once.
"""

import torch
import torch.nn.functional as F


def attend(q, keys, values):
    """Attention of the newest step of all chains. q [b, h, t, d]; keys and values of each step, [b, h, t, d]."""
    if len(keys) == 1:
        return F.scaled_dot_product_attention(q, keys[0], values[0], is_causal=True)
    t, scale = q.shape[2], q.shape[-1] ** -0.5
    at = torch.arange(t, device=q.device)
    pairs = ((q * scale) @ keys[0].transpose(2, 3)).float().masked_fill(at[None, :] > at[:, None], -torch.inf)
    own = [((q * scale) * k).sum(dim=-1, keepdim=True).float() for k in keys[1:]]
    weights = torch.cat((pairs, *own), dim=-1).softmax(dim=-1).to(q.dtype)
    y = weights[..., :t] @ values[0]
    for s, v in enumerate(values[1:]):
        y = y + weights[..., t + s, None] * v
    return y


class Chain:
    """The steps of all roots of a batch so far."""

    def __init__(self, head, hidden: torch.Tensor, tables):
        """hidden [b, t, H]: what step 0 reads beside the embeddings; tables: rope of t + steps positions."""
        self.head, self.hidden = head, hidden
        self.cos, self.sin = tables
        self.keys, self.values = [], []

    def step(self, embedding: torch.Tensor) -> torch.Tensor:
        """The outputs [b, t, H] of the next step, whose tokens are embedded as [b, t, H]."""
        s, t = len(self.keys), self.hidden.shape[1]
        x, q, k, v = self.head.project(embedding, self.hidden, self.cos[s : s + t], self.sin[s : s + t])
        rep = q.shape[1] // k.shape[1]
        self.keys.append(k.repeat_interleave(rep, dim=1))
        self.values.append(v.repeat_interleave(rep, dim=1))
        self.hidden = self.head.layer.finish(x, attend(q, self.keys, self.values))
        return self.hidden


def shifted(x: torch.Tensor, by: int) -> torch.Tensor:
    """Rows [b, t, ...] moved to the front by `by` places; zeros behind them."""
    return F.pad(x[:, by:], (0, 0) * (x.ndim - 2) + (0, by))

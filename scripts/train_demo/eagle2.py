"""The EAGLE-2 draft head and its training: one decoder layer that extrapolates a verifier's hidden states.

Pair i of a text is (embedding of token i + 1, hidden state i after the verifier's final norm), at
rope position i; the head's output for it stands in for hidden state i + 1.
"""

import torch
import torch.nn.functional as F
from torch import nn

from model import Layer, Linear, Llama, Shape, rope_tables


def head_shape(verifier: Shape, intermediate: int) -> Shape:
    """One layer with the verifier's width and heads."""
    sizes = verifier.as_dict() | {"num_hidden_layers": 1, "intermediate_size": intermediate}
    return Shape(**sizes)


class Head(nn.Module):
    """fc over (embedding, hidden), then one layer without an input norm; no embedding, no lm_head."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.fc = Linear(2 * shape.hidden_size, shape.hidden_size)
        self.layer = Layer(shape)
        self.layer.input_layernorm = nn.Identity()

    def project(self, embedding, hidden, cos, sin):
        """The residual row of a pair, and its q, k, v."""
        # The residual row keeps the precision of its inputs even where autocast computes in less.
        x = self.fc(torch.cat((embedding, hidden), dim=-1)).to(embedding.dtype)
        return x, *self.layer.project(x, cos, sin)


def _unrolled_attention(q, keys, values):
    """Attention of unrolled step j = len(keys): pair i sees step 1 up to pair i - j + 1, then one pair a step.

    That is what drafting sees: true hidden states up to the root, its own guesses after it.
    q [b, h, t, d]; keys and values of every step [b, h, t, d].
    """
    t, steps = q.shape[2], len(keys)
    scale = q.shape[-1] ** -0.5
    at = torch.arange(t, device=q.device)
    unseen = at[None, :] > at[:, None] - (steps - 1)
    scores = [(q @ keys[0].transpose(2, 3) * scale).float().masked_fill(unseen, -torch.inf)]
    shifted = []
    for s in range(1, steps):
        back = steps - 1 - s  # step s holds the pair that many before this one
        k, v = (F.pad(x, (0, 0, back, 0))[:, :, :t] for x in (keys[s], values[s]))
        scores.append((q * k).sum(dim=-1, keepdim=True).float() * scale)
        shifted.append(v)
    weights = torch.cat(scores, dim=-1).softmax(dim=-1).to(q.dtype)
    y = weights[..., :t] @ values[0]
    for s, v in enumerate(shifted):
        y = y + weights[..., t + s, None] * v
    return y


def unrolled_loss(head: Head, verifier: Llama, ids, prompt, length, steps: int, dropout: float = 0.0):
    """The training loss over `steps` steps on the head's own outputs, and top-1 agreement a step.

    Each step adds cross entropy against the verifier's distribution and smooth L1 on its hidden state;
    later steps weigh less, and so do the tokens of the prompt.
    """
    with torch.no_grad(), torch.autocast(ids.device.type, enabled=False):
        true = verifier(ids)
        logits = verifier.logits(true[:, 1:]).float()
        goal, best = logits.softmax(dim=-1), logits.argmax(dim=-1)
        embedding = F.embedding(ids[:, 1:], verifier.embed_tokens).float()
        true = true.float()
        output = verifier.embed_tokens.float()
    t = embedding.shape[1]
    rep = head.shape.num_attention_heads // head.shape.num_key_value_heads
    cos, sin = rope_tables(head.shape, t, ids.device)
    at = torch.arange(t, device=ids.device)[None]
    # The output of pair i predicts token i + 2, so the last token of a text teaches nothing.
    inside = at + 2 < length[:, None]
    weight = torch.where(at + 2 >= prompt[:, None], 1.0, 0.1) * inside
    answer = (at + 2 >= prompt[:, None]) & inside
    hidden, keys, values = true[:, :-1], [], []
    loss, agreement = 0.0, []
    for step in range(steps):
        x, q, k, v = head.project(embedding, hidden, cos, sin)
        keys.append(k.repeat_interleave(rep, dim=1))
        values.append(v.repeat_interleave(rep, dim=1))
        if step == 0:
            y = F.scaled_dot_product_attention(q, keys[0], values[0], is_causal=True)
        else:
            y = _unrolled_attention(q, keys, values)
        out = head.layer.finish(x, y, dropout)
        guess = F.linear(out, output).float()
        w = weight * (at >= step)
        ce = -(goal * F.log_softmax(guess, dim=-1)).sum(dim=-1)
        l1 = F.smooth_l1_loss(out.float(), true[:, 1:], reduction="none").mean(dim=-1)
        loss = loss + 0.85**step * ((ce + 0.5 * l1) * w).sum() / w.sum()
        with torch.no_grad():
            agreement.append(((guess.argmax(dim=-1) == best) & answer).sum() / answer.sum())
        hidden = torch.cat((true[:, :1], out[:, :-1].float()), dim=1)
    return loss, torch.stack(agreement)

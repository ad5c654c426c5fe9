"""Batched generation with a KV cache: the texts that the target (or the draft model) itself would write."""

import torch
import torch.nn.functional as F

from data import Text
from model import Llama, rope_tables


class _Batch:
    """Caches and progress of one batch; rows that are finished are dropped from time to time."""

    def __init__(self, model: Llama, prompts: list[list[int]], room: int):
        device, dtype = model.embed_tokens.device, model.embed_tokens.dtype
        self.model = model
        self.length = torch.tensor([len(p) for p in prompts], device=device)
        width = max(len(p) for p in prompts)
        ids = torch.zeros((len(prompts), width), dtype=torch.int64)
        for row, p in enumerate(prompts):
            ids[row, : len(p)] = torch.tensor(p)
        self.cos, self.sin = rope_tables(model.shape, width + room, device)
        self.rows = torch.arange(len(prompts), device=device)
        s = model.shape
        shape = (len(prompts), s.num_key_value_heads, width + room, s.head_dim)
        self.k = [torch.zeros(shape, device=device, dtype=dtype) for _ in model.layers]
        self.v = [torch.zeros(shape, device=device, dtype=dtype) for _ in model.layers]
        self.limit = width  # cache columns that any row may attend to
        x = F.embedding(ids.to(device), model.embed_tokens)
        for i, layer in enumerate(model.layers):
            q, k, v = layer.project(x, self.cos[:width], self.sin[:width])
            self.k[i][:, :, :width], self.v[i][:, :, :width] = k, v
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            x = layer.finish(x, y)
        # Columns past a row's prompt hold padding now and are overwritten before they are attended to.
        last = x[torch.arange(len(prompts), device=device), self.length - 1]
        self.logits = model.logits(model.norm(last))

    def step(self, tokens: torch.Tensor) -> None:
        """Appends one token i64[b] to every row and computes the next logits."""
        m, b = self.model, tokens.shape[0]
        at = torch.arange(b, device=tokens.device)
        self.limit += 1
        cos, sin = self.cos[self.length].view(b, 1, 1, -1), self.sin[self.length].view(b, 1, 1, -1)
        visible = torch.arange(self.limit, device=tokens.device) <= self.length[:, None]
        mask = torch.zeros(visible.shape, device=tokens.device).masked_fill(~visible, -torch.inf)
        x = F.embedding(tokens, m.embed_tokens).unsqueeze(1)
        for i, layer in enumerate(m.layers):
            q, k, v = layer.project(x, cos, sin)
            self.k[i][at, :, self.length], self.v[i][at, :, self.length] = k[:, :, 0], v[:, :, 0]
            keys, values = self.k[i][:, :, : self.limit], self.v[i][:, :, : self.limit]
            q = q.view(b, keys.shape[1], -1, q.shape[-1])  # the heads of a group are rows of one product
            scores = (q @ keys.transpose(2, 3)).float() * q.shape[-1] ** -0.5 + mask[:, None, None]
            y = scores.softmax(dim=-1).to(values.dtype) @ values
            x = layer.finish(x, y.reshape(b, -1, 1, q.shape[-1]))
        self.length += 1
        self.logits = m.logits(m.norm(x[:, 0]))

    def keep(self, alive: torch.Tensor) -> None:
        """Keeps the rows of an index tensor."""
        self.k = [k[alive] for k in self.k]
        self.v = [v[alive] for v in self.v]
        self.length, self.rows, self.logits = self.length[alive], self.rows[alive], self.logits[alive]


@torch.no_grad()
def complete(
    model: Llama,
    prompts: list[list[int]],
    end: int,
    max_new: int,
    temperature: float = 0.0,
    batch: int = 3072,
    seed: int = 0,
) -> list[Text]:
    """Each prompt with its completion, the end token included if it came; greedy at temperature 0."""
    generator = torch.Generator(device=model.embed_tokens.device).manual_seed(seed)
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    out: list[Text | None] = [None] * len(prompts)
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        state = _Batch(model, [prompts[i] for i in chosen], max_new)
        made = torch.full((len(chosen), max_new), end, dtype=torch.int64, device=state.rows.device)
        done = torch.zeros(len(chosen), dtype=torch.bool, device=state.rows.device)
        for step in range(max_new):
            if temperature == 0:
                tokens = state.logits.argmax(dim=-1)
            else:
                p = (state.logits.float() / temperature).softmax(dim=-1)
                tokens = torch.multinomial(p, 1, generator=generator)[:, 0]
            made[state.rows, step] = torch.where(done[state.rows], end, tokens)
            done[state.rows] |= tokens == end
            if step + 1 == max_new:
                break
            if step % 16 == 15:
                alive = (~done[state.rows]).nonzero()[:, 0]
                if alive.numel() == 0:
                    break
                if alive.numel() < 0.8 * state.rows.numel():
                    state.keep(alive)
                    tokens = tokens[alive]
            state.step(tokens)
        for row, ids in zip(chosen, made.tolist()):
            if end in ids:
                ids = ids[: ids.index(end) + 1]
            out[row] = Text(prompts[row] + ids, len(prompts[row]))
    return out  # type: ignore[return-value]

"""A DSpark drafter (DeepSpec's layout): a block of tokens from one forward, corrected by a Markov head.

Context keys and values come from the taps of accepted positions; the queries are a block that begins with the last
committed token (the anchor) and goes on with mask tokens. Row k of a block predicts token anchor + 1 + k.
"""

import torch
import torch.nn.functional as F
from torch import nn

from layers import Layer, Linear, RmsNorm, Shape, rope_tables, scale_inputs
from losses import goals, soft_loss
from starts import feature_sizes


class Embedding(nn.Module):
    """A table of rows."""

    def __init__(self, count: int, width: int, std: float):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(count, width) * std)

    def prepare(self, dtype: torch.dtype) -> None:
        self.__dict__["used"] = self.weight.to(dtype)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return F.embedding(ids, self.used)


class MarkovHead(nn.Module):
    """Adds w2(w1[token before]) to a row's logits."""

    def __init__(self, vocab: int, rank: int):
        super().__init__()
        self.markov_w1 = Embedding(vocab, rank, std=0.1)
        self.markov_w2 = Linear(rank, vocab, std=0.1, table=True)


class ConfidenceHead(nn.Module):
    """The logit of a row's chance to be accepted, from its hidden state and the row of w1."""

    def __init__(self, inputs: int):
        super().__init__()
        self.proj = nn.Linear(inputs, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.proj(features.float())[..., 0]


class DSpark(nn.Module):
    """fc and hidden_norm over the taps, layers with normed queries and keys, norm; the verifier's lm_head."""

    kind = "dspark"

    def __init__(self, verifier: Shape, options: dict):
        super().__init__()
        own = {"num_hidden_layers": options["layers"], "intermediate_size": options["intermediate_size"]}
        self.shape = s = Shape(**verifier.as_dict() | own)
        self.options, self.block, self.rank = options, options["block_size"], options["markov_rank"]
        self.taps = tuple(options["taps"])
        self.fc = Linear(len(self.taps) * s.hidden_size, s.hidden_size)
        self.hidden_norm = RmsNorm(s.hidden_size, s.rms_norm_eps)
        self.layers = nn.ModuleList(Layer(s, normed=True) for _ in range(s.num_hidden_layers))
        self.norm = RmsNorm(s.hidden_size, s.rms_norm_eps)
        self.markov_head = MarkovHead(s.vocab_size, self.rank)
        self.confidence_head = ConfidenceHead(s.hidden_size + self.rank)
        self.mask = options["mask_token_id"]

    @torch.no_grad()
    def start(self, some, counts: torch.Tensor) -> None:
        """The taps are read in their usual size; rows end as large as the verifier's."""
        scale_inputs(self.fc, [torch.cat([states.taps[n][states.batch.inside(0)] for states in some]) for n in range(len(self.taps))])
        self.norm.weight.copy_(feature_sizes(some))

    def _attend(self, layer: Layer, x, context, anchors, tables):
        """What blocks x [b, a, k, H] attend to: the context before their anchors, and themselves."""
        cos, sin = tables
        b, a, k, _ = x.shape
        attention = layer.self_attn
        rep = attention.heads // attention.kv_heads
        read = layer.input_layernorm(x)
        at = anchors[..., None] + torch.arange(k, device=x.device)  # positions [b, a, k]
        turn = (cos[at][:, :, None], sin[at][:, :, None])
        q = attention.queries(read, *turn)  # [b, a, h, k, d]
        own_k, own_v = (y.repeat_interleave(rep, dim=2) for y in attention.keys_values(read, *turn))
        t = context.shape[1]
        far_k, far_v = (y.repeat_interleave(rep, dim=1) for y in attention.keys_values(context, cos[:t], sin[:t]))
        q = q * q.shape[-1] ** -0.5
        rows = q.transpose(1, 2).flatten(2, 3)  # [b, h, a k, d]
        far = (rows @ far_k.transpose(2, 3)).float().unflatten(2, (a, k))  # [b, h, a, k, t]
        unseen = torch.arange(t, device=x.device) >= anchors[..., None]
        far = far.masked_fill(unseen[:, None, :, None], -torch.inf)
        own = (q @ own_k.transpose(3, 4)).float().transpose(1, 2)  # [b, h, a, k, k]
        weights = torch.cat((far, own), dim=-1).softmax(dim=-1).to(q.dtype)
        y = (weights[..., :t].flatten(2, 3) @ far_v).unflatten(2, (a, k)).transpose(1, 2)
        return y + weights[..., t:].transpose(1, 2) @ own_v  # [b, a, h, k, d]

    def forward(self, states, anchors: torch.Tensor) -> torch.Tensor:
        """Normed rows [b, a, k, H] of the blocks at anchors i64[b, a]."""
        batch, verifier = states.batch, states.verifier
        ids = torch.full((*anchors.shape, self.block), self.mask, device=anchors.device)
        ids[..., 0] = batch.ids.gather(1, anchors)
        x = verifier.embed(ids)
        context = self.hidden_norm(self.fc(torch.cat(states.taps, dim=-1)))
        tables = rope_tables(self.shape, batch.ids.shape[1] + self.block, anchors.device)
        for layer in self.layers:
            x = layer.finish(x, self._attend(layer, x, context, anchors, tables))
        return self.norm(x)

    def _anchors(self, batch) -> torch.Tensor:
        """Random positions i64[b, a] whose next token is of an answer, where there are some."""
        b, t = batch.ids.shape
        count = max(1, t // self.options["anchor_every"])
        lottery = torch.rand((b, t), device=batch.ids.device) + batch.answers(1)
        return lottery.topk(count, dim=1).indices

    def loss(self, states) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss over random blocks, and the share of answers' tokens that each row of a block gets right."""
        batch, verifier = states.batch, states.verifier
        b, t = batch.ids.shape
        anchors = self._anchors(batch)
        hidden = self(states, anchors)
        # Row k reads the token at anchor + k behind the Markov head, predicts the next, as the verifier does there.
        at = anchors[..., None] + torch.arange(self.block, device=anchors.device)
        inside = (at + 1 < batch.length[..., None]) & (at + 1 >= batch.prompt[..., None])
        decay = torch.exp(-torch.arange(self.block, device=at.device) / self.options["decay"])
        at = at.clamp(max=t - 1)
        before = batch.ids.gather(1, at.flatten(1)).view(at.shape)
        goal, best = goals(verifier, states.hidden.flatten(0, 1))
        rows = (at + torch.arange(b, device=at.device)[:, None, None] * t).flatten()
        w1 = self.markov_head.markov_w1(before)
        output = torch.cat((verifier.output.to(hidden.dtype), self.markov_head.markov_w2.used), dim=1)
        read = torch.cat((hidden, w1), dim=-1).flatten(0, 2)
        weight = inside * decay
        loss, accept, found = soft_loss(read, output, goal, rows, weight.flatten(), ce=self.options["ce"], tv=self.options["tv"], learnt=self.rank)
        sure = self.confidence_head(torch.cat((hidden, w1), dim=-1).detach())
        judged = F.binary_cross_entropy_with_logits(sure, accept.view(sure.shape).clamp(0, 1), reduction="none")
        loss = loss + (judged * weight).sum() / weight.sum().clamp(min=1e-6)
        right = (found == best[rows]).view(inside.shape) & inside
        return loss, right.sum(dim=(0, 1)) / inside.sum(dim=(0, 1)).clamp(min=1)

    @torch.no_grad()
    def draft(self, states, steps: int) -> torch.Tensor:
        """Greedy chains i64[b, t, steps] of all roots i, whose anchor is token i + 1 and whose first token i + 2."""
        batch, verifier = states.batch, states.verifier
        b, t = batch.ids.shape
        out = torch.zeros((b, t, steps), dtype=torch.int64, device=batch.ids.device)
        for start in range(0, t - 1, 64):
            anchors = torch.arange(start + 1, min(start + 65, t), device=batch.ids.device).expand(b, -1)
            logits = verifier.logits(self(states, anchors)[:, :, :steps])
            before = batch.ids.gather(1, anchors)
            for k in range(min(steps, self.block)):
                step = logits[:, :, k] + self.markov_head.markov_w2(self.markov_head.markov_w1(before))
                before = step.argmax(dim=-1)
                out[:, start : start + anchors.shape[1], k] = before
        return out

    def tensors(self) -> dict[str, torch.Tensor]:
        """By the names of published drafters."""
        return dict(self.named_parameters())

    def config(self) -> dict:
        return {
            "architectures": ["Qwen3DSparkModel"], "model_type": "qwen3", **self.shape.as_dict(), "block_size": self.block,
            # Ids of the layers that the taps lie behind: one less than how many have run.
            "target_layer_ids": [n - 1 for n in self.taps], "mask_token_id": self.mask, "num_anchors": 512,
            "markov_rank": self.rank, "markov_head_type": "vanilla", "enable_confidence_head": True,
            "confidence_head_with_markov": True, "attention_bias": False, "tie_word_embeddings": True,
        }

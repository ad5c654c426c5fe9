"""The EAGLE-3 draft head (original layout): several taps, its own output projection over a draft vocabulary."""

import torch
from torch import nn

from chain import Chain, shifted
from layers import Layer, Linear, RmsNorm, Shape, rope_tables, scale_inputs
from losses import goals, soft_loss
from starts import feature_sizes


def default_taps(layers: int) -> tuple[int, ...]:
    """Where files say nothing: by how many layers have run."""
    return (2, layers // 2, layers - 3)


class Eagle3(nn.Module):
    """fc over three taps; a layer that reads (normed embedding, normed hidden); norm and lm_head.

    Its rope is the family's (theta 10000), not the verifier's. What feeds a step is the output before the final norm.
    """

    kind = "eagle3"

    def __init__(self, verifier: Shape, options: dict):
        super().__init__()
        own = {"num_hidden_layers": 1, "intermediate_size": options["intermediate_size"], "rope_theta": 10000.0}
        self.shape = s = Shape(**verifier.as_dict() | own)
        self.options = options
        self.taps = tuple(options["taps"])
        self.usual = self.taps == default_taps(verifier.num_hidden_layers)
        self.fc = Linear(len(self.taps) * s.hidden_size, s.hidden_size)
        self.layer = Layer(s, inputs=2 * s.hidden_size)
        self.layer.hidden_norm = RmsNorm(s.hidden_size, s.rms_norm_eps)
        self.norm = RmsNorm(s.hidden_size, s.rms_norm_eps)
        self.lm_head = Linear(s.hidden_size, options["draft_vocab_size"], table=True)
        self.register_buffer("kept", torch.zeros(options["draft_vocab_size"], dtype=torch.int64))

    @torch.no_grad()
    def start(self, some, counts: torch.Tensor) -> None:
        """The draft vocabulary is what `counts` i64[vocab] has most of, its projection begins as the verifier's.

        `fc` is left random: fitted to the verifier's states it drafts worse, as its rows are also what later steps read.
        """
        verifier = some[0].verifier
        scale_inputs(self.fc, [torch.cat([states.taps[n][states.batch.inside(0)] for states in some]) for n in range(len(self.taps))])
        self.norm.weight.copy_(feature_sizes(some))
        self.kept.copy_(counts.topk(self.kept.numel()).indices.sort().values)
        self.lm_head.weight.copy_(verifier.output[self.kept].float())

    def project(self, embedding, hidden, cos, sin):
        """The residual row of a pair, and its q, k, v."""
        read = torch.cat((self.layer.input_layernorm(embedding), self.layer.hidden_norm(hidden)), dim=-1)
        return hidden, *self.layer.self_attn.project(read, cos, sin)

    def fused(self, states) -> torch.Tensor:
        return self.fc(torch.cat(states.taps, dim=-1)).float()

    def loss(self, states) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss over unrolled steps ("training-time test"), and the share of answers' tokens that each gets right."""
        batch, verifier, steps = states.batch, states.verifier, self.options["steps"]
        b, t = batch.ids.shape
        goal, best = goals(verifier, states.hidden.flatten(0, 1), self.kept)
        chain = Chain(self, self.fused(states), rope_tables(self.shape, t + steps, batch.ids.device))
        embedding = verifier.embed(batch.ids)
        loss, hits = 0.0, []
        place = torch.arange(b * t, device=best.device).view(b, t)
        for s in range(steps):
            out = chain.step(shifted(embedding, 1 + s))
            rows = shifted(place, 1 + s).flatten()
            value, _, found = soft_loss(self.norm(out).flatten(0, 1), self.lm_head.used, goal, rows, batch.weights(2 + s).flatten())
            loss = loss + 0.8**s * value
            answers = batch.answers(2 + s).flatten()
            hits.append(((self.kept[found] == best[rows]) & answers).sum() / answers.sum().clamp(min=1))
        return loss, torch.stack(hits)

    @torch.no_grad()
    def draft(self, states, steps: int) -> torch.Tensor:
        """Greedy chains i64[b, t, steps] of all roots i, whose first token is token i + 2."""
        batch, verifier = states.batch, states.verifier
        chain = Chain(self, self.fused(states), rope_tables(self.shape, batch.ids.shape[1] + steps, batch.ids.device))
        out, tokens = [], shifted(batch.ids, 1)
        for _ in range(steps):
            tokens = self.kept[self.lm_head(self.norm(chain.step(verifier.embed(tokens)))).argmax(dim=-1)]
            out.append(tokens)
        return torch.stack(out, dim=-1)

    def tensors(self) -> dict[str, torch.Tensor]:
        """By the names of published heads; d2t holds differences."""
        named = {name.replace("layer.", "midlayer.", 1) if name.startswith("layer.") else name: p for name, p in self.named_parameters()}
        size = self.kept.numel()
        known = torch.zeros(self.shape.vocab_size, dtype=torch.bool, device=self.kept.device)
        known[self.kept] = True
        return named | {"d2t": self.kept - torch.arange(size, device=self.kept.device), "t2d": known}

    def config(self) -> dict:
        return {
            "architectures": ["LlamaForCausalLMEagle3"], **self.shape.as_dict(),
            "draft_vocab_size": self.kept.numel(), "tie_word_embeddings": False,
        } | ({} if self.usual else {"target_layer_ids": [n - 1 for n in self.taps]})

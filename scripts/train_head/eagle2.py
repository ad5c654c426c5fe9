"""The EAGLE-2 draft head: one decoder layer that extrapolates a verifier's last hidden states."""

import torch
import torch.nn.functional as F
from torch import nn

from chain import Chain, shifted
from layers import Layer, Linear, Shape, rope_tables, scale_inputs
from losses import goals, soft_loss
from starts import fit, quiet


class Eagle2(nn.Module):
    """fc over (embedding, hidden state after the final norm), then one layer without an input norm. No lm_head."""

    kind = "eagle2"
    taps: tuple[int, ...] = ()

    def __init__(self, verifier: Shape, options: dict):
        super().__init__()
        self.shape = Shape(**verifier.as_dict() | {"num_hidden_layers": 1, "intermediate_size": options["intermediate_size"]})
        self.options = options
        self.fc = Linear(2 * self.shape.hidden_size, self.shape.hidden_size)
        self.layer = Layer(self.shape)
        self.layer.input_layernorm = nn.Identity()

    @torch.no_grad()
    def start(self, some, counts: torch.Tensor) -> None:
        """`fc` begins as the best linear guess at the verifier's next hidden state."""
        embed = lambda states: shifted(states.verifier.embed(states.batch.ids), 1)
        rows = [(embed(states)[at], states.hidden[at].float(), shifted(states.hidden, 1)[at]) for states in some for at in [states.batch.inside(1)]]
        scale_inputs(self.fc, [torch.cat([pair[n] for pair in rows]) for n in range(2)])
        self.fc.weight.copy_(fit((torch.cat((tokens, hidden), dim=-1) * self.fc.input_scale, after) for tokens, hidden, after in rows))
        quiet(self.layer, 0.1)

    def project(self, embedding, hidden, cos, sin):
        """The residual row of a pair, and its q, k, v."""
        x = self.fc(torch.cat((embedding, hidden.float()), dim=-1)).float()
        return x, *self.layer.project(x, cos, sin)

    def loss(self, states) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss over unrolled steps, and the share of answers' tokens that each step gets right."""
        batch, verifier, steps = states.batch, states.verifier, self.options["steps"]
        b, t = batch.ids.shape
        goal, best = goals(verifier, states.hidden.flatten(0, 1))
        tables = rope_tables(self.shape, t + steps, batch.ids.device)
        chain = Chain(self, states.hidden, tables)
        dtype = self.fc.used.dtype
        output = verifier.output.to(dtype)
        embedding = verifier.embed(batch.ids)
        loss, hits = 0.0, []
        place = torch.arange(b * t, device=best.device).view(b, t)
        for s in range(steps):
            out = chain.step(shifted(embedding, 1 + s))
            # The output of step s stands in for hidden state i + 1 + s, which predicts token i + 2 + s.
            weight = batch.weights(2 + s)
            rows = shifted(place, 1 + s).flatten()
            value, _, found = soft_loss(out.flatten(0, 1).to(dtype), output, goal, rows, weight.flatten())
            far = F.smooth_l1_loss(out, shifted(states.hidden, 1 + s).float(), reduction="none").mean(dim=-1)
            loss = loss + 0.85**s * (value + 0.5 * (far * weight).sum() / weight.sum().clamp(min=1e-6))
            answers = batch.answers(2 + s).flatten()
            hits.append(((found == best[rows]) & answers).sum() / answers.sum().clamp(min=1))
        return loss, torch.stack(hits)

    @torch.no_grad()
    def draft(self, states, steps: int) -> torch.Tensor:
        """Greedy chains i64[b, t, steps] of all roots i, whose first token is token i + 2."""
        batch, verifier = states.batch, states.verifier
        chain = Chain(self, states.hidden, rope_tables(self.shape, batch.ids.shape[1] + steps, batch.ids.device))
        out, tokens = [], shifted(batch.ids, 1)
        for _ in range(steps):
            tokens = verifier.logits(chain.step(verifier.embed(tokens))).argmax(dim=-1)
            out.append(tokens)
        return torch.stack(out, dim=-1)

    def tensors(self) -> dict[str, torch.Tensor]:
        """By the names of published heads."""
        return {name.replace("layer.", "layers.0.", 1) if name.startswith("layer.") else name: p for name, p in self.named_parameters()}

    def config(self) -> dict:
        return {"architectures": ["EagleModel"], **self.shape.as_dict(), "bias": False, "tie_word_embeddings": True}

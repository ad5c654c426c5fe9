"""A plain Llama in PyTorch: the verifier whose head is trained, or a draft model while it is."""

import torch
import torch.nn.functional as F
from torch import nn

from layers import Layer, Linear, RmsNorm, Shape, prepare, rope_tables


class Llama(nn.Module):
    """`forward` gives the hidden states after the final norm, and the residual streams behind some of the layers."""

    def __init__(self, shape: Shape, tied: bool = True):
        super().__init__()
        self.shape, self.tied = shape, tied
        self.embed_tokens = Linear(shape.hidden_size, shape.vocab_size, std=0.05, table=True)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = RmsNorm(shape.hidden_size, shape.rms_norm_eps)
        if not tied:
            self.lm_head = Linear(shape.hidden_size, shape.vocab_size, table=True)
        with torch.no_grad():  # residual branches start small, as their sum over depth should be about one
            for layer in self.layers:
                for linear in (layer.self_attn.o_proj, layer.mlp.down_proj):
                    linear.weight *= (2 * shape.num_hidden_layers) ** -0.5

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """f32 [..., hidden]."""
        return F.embedding(ids, self.embed_tokens.used).float()

    def forward(self, ids: torch.Tensor, taps: tuple[int, ...] = ()) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Hidden states [b, t, hidden], and the residual streams behind as many layers as each of `taps` says."""
        cos, sin = rope_tables(self.shape, ids.shape[1], ids.device)
        x = self.embed(ids)
        streams = {0: x}
        for i, layer in enumerate(self.layers):
            q, k, v = layer.project(x, cos, sin)
            x = layer.finish(x, F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True))
            if i + 1 in taps:
                streams[i + 1] = x
        return self.norm(x), [streams[n].to(self.norm.dtype) for n in taps]

    @property
    def output(self) -> torch.Tensor:
        """The output projection [vocab, hidden]."""
        return (self.embed_tokens if self.tied else self.lm_head).used

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return F.linear(hidden.to(self.output.dtype), self.output)

    def freeze(self, dtype: torch.dtype) -> "Llama":
        """Ready for inference in `dtype`; the f32 weights of its linear layers are let go."""
        self.requires_grad_(False)
        prepare(self, dtype)
        for part in self.modules():
            if isinstance(part, Linear):
                part.weight = nn.Parameter(part.weight.new_empty(0), requires_grad=False)
        return self

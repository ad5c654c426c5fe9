"""A plain Llama in PyTorch: what the demo target and the demo draft model are while they are trained."""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn

import train_head
import quant

GROUP = 128


@dataclass
class Shape:
    """The sizes of a model, named as in a Hugging Face Llama config."""

    hidden_size: int
    num_hidden_layers: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int = 1
    head_dim: int = 128
    vocab_size: int = 3072
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-5
    max_position_embeddings: int = 2048

    def as_dict(self) -> dict:
        return asdict(self)


TARGET = Shape(hidden_size=384, num_hidden_layers=8, intermediate_size=896, num_attention_heads=3)
DRAFT = Shape(hidden_size=256, num_hidden_layers=4, intermediate_size=384, num_attention_heads=2)


class RmsNorm(nn.Module):
    """Root-mean-square norm, computed in f32 whatever the dtype of its input."""

    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x.float(), x.shape[-1:], self.weight.float(), self.eps).to(x.dtype)


class Linear(nn.Module):
    """A linear layer without bias whose weight may pass through the 4-bit quantizer."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * inputs**-0.5)
        self.scales: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        w = self.weight if self.scales is None else quant.fake_quantize(self.weight, self.scales, GROUP)
        return F.linear(x, w.to(x.dtype) if not torch.is_autocast_enabled(x.device.type) else w)


def rope_tables(shape: Shape, length: int, device) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines f32[length, head_dim], both halves of the head filled alike."""
    d = shape.head_dim
    inv = shape.rope_theta ** (-torch.arange(0, d, 2, device=device).float() / d)
    angles = torch.outer(torch.arange(length, device=device).float(), inv).repeat(1, 2)
    return angles.cos(), angles.sin()


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary embedding of x [..., length, head_dim]; feature i is paired with i + head_dim / 2."""
    a, b = x.float().chunk(2, dim=-1)
    return (x.float() * cos + torch.cat((-b, a), dim=-1) * sin).to(x.dtype)


class Attention(nn.Module):
    """Grouped-query attention; `project` and `o_proj` are apart so that a KV cache can sit between."""

    def __init__(self, s: Shape):
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = s.num_attention_heads, s.num_key_value_heads, s.head_dim
        self.q_proj = Linear(s.hidden_size, self.heads * s.head_dim)
        self.k_proj = Linear(s.hidden_size, self.kv_heads * s.head_dim)
        self.v_proj = Linear(s.hidden_size, self.kv_heads * s.head_dim)
        self.o_proj = Linear(self.heads * s.head_dim, s.hidden_size)

    def project(self, x, cos, sin):
        """Rotated q [b, heads, t, d], rotated k and plain v [b, kv_heads, t, d]."""
        b, t, _ = x.shape
        q = self.q_proj(x).view(b, t, self.heads, self.head_dim).transpose(1, 2)
        k = self.k_proj(x).view(b, t, self.kv_heads, self.head_dim).transpose(1, 2)
        v = self.v_proj(x).view(b, t, self.kv_heads, self.head_dim).transpose(1, 2)
        return rotate(q, cos, sin), rotate(k, cos, sin), v

    def merge(self, y):
        """o_proj of the attended values [b, heads, t, d]."""
        b, _, t, _ = y.shape
        return self.o_proj(y.transpose(1, 2).reshape(b, t, self.heads * self.head_dim))


class Mlp(nn.Module):
    """SwiGLU."""

    def __init__(self, s: Shape):
        super().__init__()
        self.gate_proj = Linear(s.hidden_size, s.intermediate_size)
        self.up_proj = Linear(s.hidden_size, s.intermediate_size)
        self.down_proj = Linear(s.intermediate_size, s.hidden_size)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """One decoder layer, in two halves around the attention itself."""

    def __init__(self, s: Shape):
        super().__init__()
        self.input_layernorm = RmsNorm(s.hidden_size, s.rms_norm_eps)
        self.self_attn = Attention(s)
        self.post_attention_layernorm = RmsNorm(s.hidden_size, s.rms_norm_eps)
        self.mlp = Mlp(s)

    def project(self, x, cos, sin):
        return self.self_attn.project(self.input_layernorm(x), cos, sin)

    def finish(self, x, y, dropout: float = 0.0):
        x = x + F.dropout(self.self_attn.merge(y), dropout)
        return x + F.dropout(self.mlp(self.post_attention_layernorm(x)), dropout)


class Llama(nn.Module):
    """`forward` gives the hidden states after the final norm; `logits` applies the tied lm_head."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Parameter(torch.randn(shape.vocab_size, shape.hidden_size) * 0.05)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = RmsNorm(shape.hidden_size, shape.rms_norm_eps)
        with torch.no_grad():  # residual branches start small, as their sum over depth should be about one
            for layer in self.layers:
                for linear in (layer.self_attn.o_proj, layer.mlp.down_proj):
                    linear.weight *= (2 * shape.num_hidden_layers) ** -0.5

    def forward(self, ids: torch.Tensor, dropout: float = 0.0) -> torch.Tensor:
        cos, sin = rope_tables(self.shape, ids.shape[1], ids.device)
        x = F.dropout(F.embedding(ids, self.embed_tokens), dropout)
        for layer in self.layers:
            q, k, v = layer.project(x, cos, sin)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            x = layer.finish(x, y, dropout)
        return self.norm(x)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return F.linear(hidden, self.embed_tokens)

    def linears(self) -> dict[str, Linear]:
        """The quantized linear layers, by Hugging Face name."""
        return {name: m for name, m in self.named_modules() if isinstance(m, Linear)}

    def refresh_scales(self) -> None:
        """Turns quantization on, or follows the weights with the scales once it is on."""
        for linear in self.linears().values():
            linear.scales = quant.find_scales(linear.weight, GROUP)

    @torch.no_grad()
    def frozen(self, dtype: torch.dtype) -> "Llama":
        """A copy with the exported weights (4-bit linears, f16 rest), for inference in `dtype`."""
        copy = Llama(self.shape).to(self.embed_tokens.device)
        copy.load_state_dict(self.state_dict())
        for parameter in copy.parameters():
            parameter.requires_grad_(False)
        for linear in copy.linears().values():
            scales = quant.find_scales(linear.weight, GROUP)
            linear.weight.copy_(quant.dequantize(quant.quantize(linear.weight, scales, GROUP), scales, GROUP))
        copy.embed_tokens.copy_(copy.embed_tokens.half())
        for module in copy.modules():
            if isinstance(module, RmsNorm):
                module.weight.copy_(module.weight.half())
        return copy.to(dtype)

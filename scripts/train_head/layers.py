"""The parts of decoder layers that verifiers, draft models and heads share.

Weights are kept in f32. `prepare` makes what a forward pass multiplies with: the weight in a 16-bit dtype, through the
4-bit grid first where a module is trained for one. The residual stream stays in f32, as in the runtime.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn

import quant


@dataclass
class Shape:
    """The sizes of a model, named as in a Hugging Face Llama config."""

    hidden_size: int
    num_hidden_layers: int
    intermediate_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-5
    max_position_embeddings: int = 2048

    def as_dict(self) -> dict:
        return asdict(self)


def scale_inputs(linear: "Linear", parts: list[torch.Tensor]) -> None:
    """Lets a layer that reads `parts` [..., width] behind one another read them in their usual size of one."""
    sizes = [part.float().pow(2).mean(dim=-1).sqrt().median().clamp(min=1e-3) for part in parts]
    linear.input_scale = torch.cat([(1 / size).expand(part.shape[-1]) for size, part in zip(sizes, parts)]).contiguous()


class RmsNorm(nn.Module):
    """Root-mean-square norm of f32 rows; gives the dtype that matrices are multiplied in."""

    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def prepare(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x.float(), x.shape[-1:], self.weight, self.eps).to(self.dtype)


class Linear(nn.Module):
    """A linear layer without bias; `used` is its weight as `prepare` made it. Rows of a `table` stand for tokens."""

    group: int | None = None

    def __init__(self, inputs: int, outputs: int, std: float | None = None, table: bool = False):
        super().__init__()
        self.table = table
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * (inputs**-0.5 if std is None else std))
        self.scales: torch.Tensor | None = None
        #: f32[inputs], or none: what inputs are multiplied by, so that weights of large and of small ones learn alike.
        self.register_buffer("input_scale", None)

    @property
    def stored(self) -> torch.Tensor:
        """The weight [outputs, inputs] for inputs as they come: what a file holds."""
        return self.weight if self.input_scale is None else self.weight * self.input_scale

    def prepare(self, dtype: torch.dtype) -> None:
        w = self.stored
        w = (w if self.scales is None else quant.fake_quantize(w, self.scales, self.group)).to(dtype)
        self.__dict__["used"] = w  # beside the module's parameters, as it may be one of them

    def refresh(self) -> None:
        """Turns quantization on where there is a grid, or lets the scales follow the weight."""
        if self.group is None:
            return
        found = quant.find_scales(self.stored, self.group)
        if self.scales is None:
            self.scales = found
        else:  # in place, as a captured step reads them where they are
            self.scales.copy_(found)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x.to(self.used.dtype), self.used)


def prepare(module: nn.Module, dtype: torch.dtype) -> None:
    """Makes what the next forward passes multiply with; once a training step, or once for frozen weights."""
    for part in module.modules():
        if part is not module and hasattr(part, "prepare"):
            part.prepare(dtype)


def refresh(module: nn.Module) -> None:
    """`Linear.refresh` of all of a module."""
    for part in module.modules():
        if isinstance(part, Linear):
            part.refresh()


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
    """Grouped-query attention; `project` and `merge` are apart so that a cache, or unrolled steps, can sit between.

    `inputs` is the width of what it reads, `normed` puts an RMS norm on each query and key head (Qwen3).
    """

    def __init__(self, s: Shape, inputs: int | None = None, normed: bool = False):
        super().__init__()
        inputs = inputs or s.hidden_size
        self.heads, self.kv_heads, self.head_dim = s.num_attention_heads, s.num_key_value_heads, s.head_dim
        self.q_proj = Linear(inputs, self.heads * s.head_dim)
        self.k_proj = Linear(inputs, self.kv_heads * s.head_dim)
        self.v_proj = Linear(inputs, self.kv_heads * s.head_dim)
        self.o_proj = Linear(self.heads * s.head_dim, s.hidden_size)
        self.q_norm = RmsNorm(s.head_dim, s.rms_norm_eps) if normed else None
        self.k_norm = RmsNorm(s.head_dim, s.rms_norm_eps) if normed else None

    def _heads(self, y: torch.Tensor, heads: int, norm: RmsNorm | None) -> torch.Tensor:
        y = y.view(*y.shape[:-1], heads, self.head_dim)
        return (norm(y) if norm else y).transpose(-3, -2)

    def queries(self, x, cos, sin):
        """Rotated q [b, heads, t, d]."""
        return rotate(self._heads(self.q_proj(x), self.heads, self.q_norm), cos, sin)

    def keys_values(self, x, cos, sin):
        """Rotated k and plain v [b, kv_heads, t, d]."""
        k = rotate(self._heads(self.k_proj(x), self.kv_heads, self.k_norm), cos, sin)
        return k, self._heads(self.v_proj(x), self.kv_heads, None)

    def project(self, x, cos, sin):
        """`queries` and `keys_values` of the same rows."""
        return self.queries(x, cos, sin), *self.keys_values(x, cos, sin)

    def merge(self, y):
        """o_proj of the attended values [b, heads, t, d]."""
        return self.o_proj(y.transpose(-3, -2).flatten(-2))


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

    def __init__(self, s: Shape, inputs: int | None = None, normed: bool = False):
        super().__init__()
        self.input_layernorm = RmsNorm(s.hidden_size, s.rms_norm_eps)
        self.self_attn = Attention(s, inputs, normed)
        self.post_attention_layernorm = RmsNorm(s.hidden_size, s.rms_norm_eps)
        self.mlp = Mlp(s)

    def project(self, x, cos, sin):
        return self.self_attn.project(self.input_layernorm(x), cos, sin)

    def finish(self, x, y):
        """The residual rows behind the layer, f32, of those before it and the attended values."""
        x = x + self.self_attn.merge(y)
        return x + self.mlp(self.post_attention_layernorm(x))

"""Random weights for a config, exactly representable in the dtype they are stored in."""

import torch

# Linears that read the same input share their act-order, as they share the statistics it comes from.
_INPUT = {"q_proj": "attention", "k_proj": "attention", "v_proj": "attention", "gate_proj": "mlp", "up_proj": "mlp"}


def draw(model: torch.nn.Module, dtype: torch.dtype, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """A state dict in f32 whose values `dtype` holds exactly; logits come out with a deviation near 1.3, so that f16 errors stay small."""
    out = {}
    for name, parameter in sorted(model.state_dict().items()):
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name:
            value = 1 + 0.25 * noise
        elif name.endswith("bias"):
            value = 0.5 * noise
        elif "embed_tokens" in name or "lm_head" in name:
            value = 1.2 * noise * parameter.shape[1] ** -0.5
        else:
            value = noise * parameter.shape[1] ** -0.5
        out[name] = value.to(dtype).float()
    return out


def shared_input(layer: str) -> str:
    """A key that linears with a common input have in common."""
    head, _, last = layer.rpartition(".")
    return f"{head}.{_INPUT.get(last, last)}"

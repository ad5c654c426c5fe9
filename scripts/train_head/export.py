"""Writes heads as published: safetensors in 16 bits, and config.json."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from layers import Linear

_COMMON = {
    "model_type": "llama", "hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "attention_dropout": 0.0,
    "torch_dtype": "float16", "use_cache": True,
}


@torch.no_grad()
def save_head(folder: Path, head, more: dict) -> None:
    """model.safetensors (f16) and config.json, the latter last; `more` keys of the verifier's config."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = {id(part.weight): part.stored for part in head.modules() if isinstance(part, Linear)}
    tensors = {}
    for name, value in head.tensors().items():
        value = stored.get(id(value), value).detach().cpu()
        tensors[name] = (value.half() if value.is_floating_point() else value).contiguous()
    save_file(tensors, str(folder / "model.safetensors"), metadata={"format": "pt"})
    config = _COMMON | {key: more[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id") if more.get(key) is not None} | head.config()
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


@torch.no_grad()
def load_head(folder: Path, head) -> None:
    """Fills a head of the same shape with what `save_head` wrote."""
    from safetensors.torch import load_file

    tensors = load_file(str(folder / "model.safetensors"))
    for part in head.modules():
        if isinstance(part, Linear):
            part.input_scale = None
    for name, value in head.tensors().items():
        if isinstance(value, torch.nn.Parameter):
            value.copy_(tensors[name].float())
    if "d2t" in tensors:
        head.kept.copy_(tensors["d2t"] + torch.arange(head.kept.numel()))

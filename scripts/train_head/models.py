"""Reads models: Hugging Face folders (16 bits, or GPTQ in 4), and GGUF files."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

import gguf_files
import quant
from layers import Shape
from llama import Llama


def shape_of(config: dict) -> Shape:
    """The sizes in a Hugging Face config, with what it may leave out."""
    given = {key: config[key] for key in Shape.__dataclass_fields__ if config.get(key) is not None}
    given.setdefault("head_dim", config["hidden_size"] // config["num_attention_heads"])
    given.setdefault("num_key_value_heads", config["num_attention_heads"])
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if rope.get("rope_theta") is not None:
        given["rope_theta"] = rope["rope_theta"]
    if rope.get("rope_type", rope.get("type", "default")) != "default":
        raise ValueError(f"Cannot train on this model: its rope is {rope}, expected the default")
    return Shape(**given)


def _read_folder(folder: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    config = json.loads((folder / "config.json").read_text())
    tensors: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        tensors.update(load_file(str(file)))
    for name in [name for name in tensors if name.endswith(".qweight")]:
        layer = name.removesuffix(".qweight")
        parts = {p: tensors.pop(f"{layer}.{p}") for p in ("qweight", "qzeros", "scales", "g_idx")}
        tensors[f"{layer}.weight"] = quant.unpack_gptq(parts)
    return config, tensors


@torch.no_grad()
def load_model(path: str | Path, dtype: torch.dtype | None = None, device="cpu") -> Llama:
    """The model in a folder or a `.gguf` file; frozen in `dtype`, or trainable in f32 where none is given."""
    path = Path(path)
    config, tensors = gguf_files.read(path) if path.suffix == ".gguf" else _read_folder(path)
    if config.get("model_type") != "llama":
        raise ValueError(f"Cannot train on {path}: its model_type is {config.get('model_type')}, expected llama")
    model = Llama(shape_of(config), tied="lm_head.weight" not in tensors)
    wanted = dict(model.named_parameters())
    for name, parameter in wanted.items():
        stored = name if name.startswith("lm_head") else f"model.{name}"
        if stored not in tensors:
            raise ValueError(f"Cannot read {path}: tensor {stored} is missing")
        parameter.copy_(tensors[stored].float())
    model = model.to(device)
    return model if dtype is None else model.freeze(dtype)

"""Writes models in Hugging Face layout: 4-bit GPTQ checkpoints, f16 originals, tokenizers."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

import train_head
import quant
from data import BOS, EOS, PAD
from model import GROUP, Llama, Shape

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ 'Question: ' + message['content'] | trim + '\nAnswer:' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] | trim + eos_token }}"
    "{% endif %}{% endfor %}"
)


def _config(shape: Shape, tokenizer: Tokenizer) -> dict:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **shape.as_dict(),
        "hidden_act": "silu",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "mlp_bias": False,
        "rope_scaling": None,
        "tie_word_embeddings": True,
        "bos_token_id": tokenizer.token_to_id(BOS),
        "eos_token_id": tokenizer.token_to_id(EOS),
        "pad_token_id": tokenizer.token_to_id(PAD),
        "torch_dtype": "float16",
        "use_cache": True,
    }


def _write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _name(module: str) -> str:
    return f"model.{module}"


def save_tokenizer(folder: Path, tokenizer: Tokenizer, longest: int) -> None:
    """tokenizer.json, tokenizer_config.json and generation_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    _write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": PAD,
        "model_max_length": longest,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    })
    ids = {n: tokenizer.token_to_id(t) for n, t in (("bos", BOS), ("eos", EOS), ("pad", PAD))}
    _write_json(folder / "generation_config.json", {
        **{f"{name}_token_id": i for name, i in ids.items()},
        "do_sample": False,
    })


@torch.no_grad()
def save_model(folder: Path, model: Llama, tokenizer: Tokenizer, quantized: bool) -> None:
    """model.safetensors and config.json, as W4A16-g128 in GPTQ layout or as f16."""
    folder.mkdir(parents=True, exist_ok=True)
    linears = model.linears()
    tensors: dict[str, torch.Tensor] = {}
    for name, parameter in model.named_parameters():
        layer = name.removesuffix(".weight")
        if layer in linears and quantized:
            scales = quant.find_scales(parameter, GROUP)
            packed = quant.pack_gptq(quant.quantize(parameter, scales, GROUP), scales, GROUP)
            tensors.update({f"{_name(layer)}.{part}": t for part, t in packed.items()})
        else:
            full = name if name.endswith(".weight") else f"{name}.weight"
            tensors[_name(full)] = parameter.detach().cpu().half().contiguous()
    save_file(tensors, str(folder / "model.safetensors"), metadata={"format": "pt"})
    config = _config(model.shape, tokenizer)
    if quantized:
        config["quantization_config"] = {
            "quant_method": "gptq",
            "bits": 4,
            "group_size": GROUP,
            "desc_act": False,
            "sym": True,
            "static_groups": False,
            "lm_head": False,
            "checkpoint_format": "gptq",
            "pack_dtype": "int32",
        }
    _write_json(folder / "config.json", config)
    save_tokenizer(folder, tokenizer, model.shape.max_position_embeddings)

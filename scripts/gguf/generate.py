"""
Makes the GGUF files of tests/data/gguf with the `gguf` package, what their tensors stand for by its
`quants.dequantize`, and the logits of `transformers` on those numbers in float32.

    python scripts/gguf/generate.py [NAME...]

needs gguf, transformers, torch, tokenizers and safetensors; versions.json says which made the files.
Nothing depends on time or machine: each model has a seed of its own.
"""

import hashlib
import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from blocks import dequantized, stored
from cases import CASES, Case
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter, RopeScalingType
from safetensors.numpy import save_file
from tokenizers_made import byte_level, sentencepiece
from transformers import AutoConfig, AutoModelForCausalLM

OUT = Path(__file__).resolve().parents[2] / "tests" / "data" / "gguf"
TOKENS = 20

OUTSIDE = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}
INSIDE = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def file_name(name: str) -> str:
    stem, kind = name.rsplit(".", 1)
    if stem in OUTSIDE:
        return f"{OUTSIDE[stem]}.{kind}"
    _, _, layer, rest = stem.split(".", 3)
    return f"blk.{layer}.{INSIDE[rest]}.{kind}"


def rows_of(name: str, config, n: int) -> np.ndarray:
    """For each row of the file, which row of Hugging Face it is."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for projection, count in heads.items():
        if f"self_attn.{projection}." in name and config.model_type in ("llama", "mistral"):
            return np.arange(n).reshape(count, 2, n // count // 2).swapaxes(1, 2).reshape(n)
    return np.arange(n)


def rope_factors(parameters: dict, head_dim: int) -> np.ndarray:
    """What converters of Llama 3.1 write: each frequency's divisor."""
    theta, factor = parameters["rope_theta"], parameters["factor"]
    low, high = parameters["low_freq_factor"], parameters["high_freq_factor"]
    context = parameters["original_max_position_embeddings"]
    factors = []
    for j in range(0, head_dim, 2):
        wave = 2 * np.pi * theta ** (j / head_dim)
        if wave < context / high:
            factors.append(1.0)
        elif wave > context / low:
            factors.append(factor)
        else:
            smooth = (context / wave - low) / (high - low)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(factors, np.float32)


def write_metadata(writer: GGUFWriter, case: Case, config) -> None:
    writer.add_type("model")
    writer.add_name(f"random {case.name}")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    parameters = config.rope_parameters
    writer.add_rope_freq_base(parameters["rope_theta"])
    head_dim = case.config["head_dim"]
    if head_dim != config.hidden_size // config.num_attention_heads:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    if config.model_type in ("llama", "mistral"):
        writer.add_rope_dimension_count(head_dim)
    if parameters["rope_type"] == "linear":
        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(parameters["factor"])
    if parameters["rope_type"] == "yarn":
        writer.add_rope_scaling_type(RopeScalingType.YARN)
        writer.add_rope_scaling_factor(parameters["factor"])
        writer.add_rope_scaling_orig_ctx_len(parameters["original_max_position_embeddings"])


def write_tokenizer(writer: GGUFWriter, made: dict) -> None:
    writer.add_tokenizer_model(made["model"])
    if "pre" in made:
        writer.add_tokenizer_pre(made["pre"])
    writer.add_token_list(made["tokens"])
    writer.add_token_types(made["types"])
    if "scores" in made:
        writer.add_token_scores(made["scores"])
    if "merges" in made:
        writer.add_token_merges(made["merges"])
    writer.add_bos_token_id(made["bos"])
    writer.add_eos_token_id(made["eos"])
    if "pad" in made:
        writer.add_pad_token_id(made["pad"])
    if "unk" in made:
        writer.add_unk_token_id(made["unk"])
    writer.add_add_bos_token(made["model"] == "llama")
    if "chat" in made:
        writer.add_chat_template(made["chat"])


def make(case: Case, seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = AutoConfig.for_model(**case.config)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    folder = OUT / case.name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    path = folder / "model.gguf"
    architecture = "llama" if config.model_type == "mistral" else config.model_type
    writer = GGUFWriter(path, architecture, split_max_tensors=case.split)
    write_metadata(writer, case, config)
    write_tokenizer(writer, {"gpt2": byte_level, "llama": sentencepiece}[case.tokenizer](
        config.vocab_size
    ))

    state, described = {}, {}
    tied = config.tie_word_embeddings
    for name, parameter in model.state_dict().items():
        if tied and name == "lm_head.weight":
            continue
        shape = tuple(parameter.shape)
        target = file_name(name)
        if len(shape) == 1:
            kind = "F32"
            centre = 1.0 if name.endswith("norm.weight") else 0.0
            made = (centre + 0.1 * rng.standard_normal(shape)).astype(np.float32)
        else:
            kind = next(kind for ending, kind in case.types if target.endswith(ending))
            # Logits in range, whether the output projection is the embedding or not.
            spread = (0.15 if tied else 0.5) if "embed" in name else 1.2 / np.sqrt(shape[1])
            made = (spread * rng.standard_normal(shape)).astype(np.float32)
        order = rows_of(name, config, shape[0])
        data = made[order] if kind == "F32" else stored(kind, made[order], rng)
        writer.add_tensor(target, data, raw_dtype=Type[kind])
        values = np.empty(shape, np.float32)
        values[order] = dequantized(kind, data)
        state[name] = torch.from_numpy(values)
        described[name] = {
            "type": kind,
            "shape": shape,
            "sha256": hashlib.sha256(values.tobytes()).hexdigest(),
            "first": [float(value) for value in values.reshape(-1)[:4]],
        }
    if config.rope_parameters["rope_type"] == "llama3":
        factors = rope_factors(config.rope_parameters, case.config["head_dim"])
        writer.add_tensor("rope_freqs.weight", factors, raw_dtype=Type.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    if tied:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state)
    tokens = rng.integers(3, config.vocab_size, TOKENS)
    with torch.no_grad():
        logits = model(torch.from_numpy(tokens)[None]).logits[0].numpy()
    top = np.sort(logits, axis=1)
    print(
        f"{case.name}: logits {np.abs(logits).max():.2f}, least margin "
        f"{(top[:, -1] - top[:, -2]).min():.4f}, {sum(f.stat().st_size for f in folder.iterdir())} bytes",
    )
    save_file(
        {"tokens": tokens.astype(np.int32), "logits": logits.astype(np.float32)},
        folder / "golden.safetensors",
    )
    description = {
        "seed": seed,
        **({"notes": case.notes} if case.notes else {}),
        "config": case.config,
        "tensors": described,
    }
    (folder / "golden.json").write_text(json.dumps(description, indent=1) + "\n")
    check_by_transformers(folder, case, tokens, logits)


def check_by_transformers(folder: Path, case: Case, tokens: np.ndarray, logits: np.ndarray) -> None:
    """Its own reader of GGUF gives the same, where it reads the file."""
    if case.split:
        return
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, gguf_file="model.gguf", dtype=torch.float32
        ).eval()
    except Exception as error:
        print(f"  transformers' reader: {type(error).__name__}: {error}")
        return
    with torch.no_grad():
        found = model(torch.from_numpy(tokens)[None]).logits[0].numpy()
    print(f"  transformers' reader differs by {np.abs(found - logits).max():.2e}")


if __name__ == "__main__":
    wanted = sys.argv[1:]
    for seed, case in enumerate(CASES, start=1):
        if not wanted or case.name in wanted:
            make(case, seed)
    versions = {name: version(name) for name in ("gguf", "transformers", "torch", "tokenizers", "numpy")}
    (OUT / "versions.json").write_text(json.dumps(versions, indent=1) + "\n")

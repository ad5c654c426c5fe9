"""What is generated: a name, a Hugging Face config, a storage form, and how many tokens are scored."""

from dataclasses import dataclass

import eagle3

VOCAB = 128


@dataclass
class Case:
    """One folder of golden data.

    `storage` is f16, bf16, f32 (model.safetensors), sharded (two f16 shards and an index) or bin
    (pytorch_model.bin, f16). `gptq` holds the `quantization_config` of a 4-bit case.
    """

    name: str
    config: dict
    tokens: int = 48
    storage: str = "f16"
    gptq: dict | None = None
    notes: str = ""


def _llama(**more) -> dict:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": VOCAB,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 64,
        "hidden_act": "silu",
        "max_position_embeddings": 256,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "rope_scaling": None,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "torch_dtype": "float16",
    } | more


def _family(architecture: str, model_type: str, **more) -> dict:
    config = _llama(architectures=[architecture], model_type=model_type)
    for key in ("attention_bias", "mlp_bias", "rope_scaling"):  # not in configs of these families
        config.pop(key)
    return config | more


def _gptq(group: int, act_order: bool = False, static: bool = False, version: str = "gptq") -> dict:
    return {
        "quant_method": "gptq",
        "bits": 4,
        "group_size": group,
        "desc_act": act_order,
        "static_groups": static,
        "sym": True,
        "lm_head": False,
        "checkpoint_format": version,
        "pack_dtype": "int32",
    }


def _quantized(**more) -> dict:
    return _llama(hidden_size=128, intermediate_size=256, num_hidden_layers=1, **more)


_LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
_YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
_ONE = {"num_hidden_layers": 1}

CASES = [
    Case("llama-tied", _llama()),
    Case("llama-untied-gqa", _llama(num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False)),
    Case("llama3-rope", _llama(**_ONE, rope_theta=500000.0, rope_scaling=_LLAMA3), tokens=112),
    Case("llama-rope-linear", _llama(**_ONE, rope_scaling={"type": "linear", "factor": 4.0}),
         notes="the older key `type`"),
    Case("llama-rope-yarn", _llama(**_ONE, rope_scaling=_YARN, max_position_embeddings=128), tokens=96),
    Case("llama-bf16", _llama(**_ONE, torch_dtype="bfloat16"), storage="bf16"),
    Case("llama-f32", _llama(**_ONE, torch_dtype="float32"), storage="f32"),
    Case("llama-sharded", _llama(**_ONE, tie_word_embeddings=False), storage="sharded"),
    Case("llama-bin", _llama(**_ONE), storage="bin"),
    Case("mistral-window", _family("MistralForCausalLM", "mistral", **_ONE, sliding_window=16)),
    Case("qwen2", _family("Qwen2ForCausalLM", "qwen2", **_ONE, rms_norm_eps=1e-6, use_sliding_window=False)),
    Case("qwen3", _family("Qwen3ForCausalLM", "qwen3", rms_norm_eps=1e-6, head_dim=128, attention_bias=False)),
    Case("gptq-g128", _quantized(), gptq=_gptq(128)),
    Case("gptq-g128-v2", _quantized(), gptq=_gptq(128, version="gptq_v2")),
    Case("gptq-g64", _quantized(), gptq=_gptq(64)),
    Case("gptq-g32-untied", _quantized(tie_word_embeddings=False), gptq=_gptq(32)),
    Case("gptq-channel", _quantized(), gptq=_gptq(-1)),
    Case("gptq-act-order", _quantized(), gptq=_gptq(64, act_order=True), notes="g_idx permuted, without static groups"),
    Case("gptq-act-order-static", _quantized(), gptq=_gptq(64, act_order=True, static=True), notes="g_idx in order"),
    Case("gptq-qwen2", _family("Qwen2ForCausalLM", "qwen2", hidden_size=128, intermediate_size=256, **_ONE,
                               use_sliding_window=False), gptq=_gptq(128)),
    Case("llama-deep", eagle3.verifier_config(), notes="eight layers, for the taps of EAGLE-3 heads and block drafters"),
]

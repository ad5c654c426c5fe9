"""A Llama of one layer in float64, on weights as their packers say that they dequantize."""

import numpy as np

VOCAB = 128
EPS = 1e-5
THETA = 10000.0
HEAD_DIM = 64


def config(hidden: int, intermediate: int, tied: bool) -> dict:
    """The Hugging Face configuration."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": VOCAB,
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": HEAD_DIM,
        "hidden_act": "silu",
        "max_position_embeddings": 256,
        "rms_norm_eps": EPS,
        "rope_theta": THETA,
        "rope_scaling": None,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": tied,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "torch_dtype": "float16",
    }


def shapes(hidden: int, intermediate: int) -> dict[str, tuple[int, int]]:
    """The linear layers, [outputs, inputs]."""
    attention, mlp = "model.layers.0.self_attn", "model.layers.0.mlp"
    return {
        f"{attention}.q_proj": (2 * HEAD_DIM, hidden),
        f"{attention}.k_proj": (HEAD_DIM, hidden),
        f"{attention}.v_proj": (HEAD_DIM, hidden),
        f"{attention}.o_proj": (hidden, 2 * HEAD_DIM),
        f"{mlp}.gate_proj": (intermediate, hidden),
        f"{mlp}.up_proj": (intermediate, hidden),
        f"{mlp}.down_proj": (hidden, intermediate),
    }


def norms(hidden: int, draw) -> dict[str, np.ndarray]:
    """The weights of the norms, f16."""
    names = ["model.layers.0.input_layernorm", "model.layers.0.post_attention_layernorm", "model.norm"]
    return {f"{name}.weight": (1 + 0.25 * draw((hidden,))).astype(np.float16) for name in names}


def _norm(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * weight.astype(np.float64)


def _rotate(x: np.ndarray) -> np.ndarray:
    """x: [tokens, heads, head_dim], halves rotated by position."""
    half = HEAD_DIM // 2
    angles = np.arange(x.shape[0])[:, None] * THETA ** (-np.arange(half) / half)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def logits(tokens: np.ndarray, embedding: np.ndarray, norm: dict, linear) -> np.ndarray:
    """Logits f64 [tokens, vocab]. `linear(name, x)` gives the product of a linear layer."""
    x = embedding.astype(np.float64)[tokens]
    layer = "model.layers.0"
    normed = _norm(x, norm[f"{layer}.input_layernorm.weight"])
    q, k, v = (
        linear(f"{layer}.self_attn.{part}_proj", normed).reshape(len(tokens), -1, HEAD_DIM) for part in "qkv"
    )
    q, k = _rotate(q), _rotate(k)
    scores = np.einsum("ihd,jd->hij", q, k[:, 0]) / np.sqrt(HEAD_DIM)
    scores[:, np.triu(np.ones((len(tokens), len(tokens)), bool), 1)] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    attended = np.einsum("hij,jd->ihd", weights, v[:, 0]).reshape(len(tokens), -1)
    x = x + linear(f"{layer}.self_attn.o_proj", attended)
    normed = _norm(x, norm[f"{layer}.post_attention_layernorm.weight"])
    gate, up = linear(f"{layer}.mlp.gate_proj", normed), linear(f"{layer}.mlp.up_proj", normed)
    x = x + linear(f"{layer}.mlp.down_proj", gate / (1 + np.exp(-gate)) * up)
    return linear("lm_head", _norm(x, norm["model.norm.weight"]))

"""What is generated: a name, a Hugging Face config, and the type of each tensor."""

from dataclasses import dataclass, field

VOCAB = 320

# What is not a matrix of a linear layer or an embedding stays F32, as llama.cpp's converter leaves it.
EMBEDDING, OUTPUT = "token_embd.weight", "output.weight"


@dataclass
class Case:
    """One model. `types` gives a tensor's type by what its name ends with; the first that fits counts."""

    name: str
    config: dict
    types: list[tuple[str, str]]
    tokenizer: str = "gpt2"
    # Tensors of a part, where the model is split.
    split: int = 0
    notes: str = ""
    metadata: dict = field(default_factory=dict)


def llama(**more) -> dict:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": VOCAB,
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "hidden_act": "silu",
        "max_position_embeddings": 256,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": False,
    } | more


def family(architecture: str, model_type: str, **more) -> dict:
    config = llama(architectures=[architecture], model_type=model_type)
    for key in ("attention_bias", "mlp_bias"):  # not in configs of these families
        config.pop(key)
    return config | more


def wide(**more) -> dict:
    """Rows of 256 for the types that need them; the attention's output has rows of 128."""
    return llama(
        hidden_size=256,
        intermediate_size=256,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
    ) | more


def all_of(kind: str) -> list[tuple[str, str]]:
    return [("", kind)]


LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}

# Where rows are no multiple of 256, llama.cpp falls back to one of these.
CASES = [
    Case("f16", llama(), all_of("F16"), notes="two layers, an output projection of its own"),
    *(
        Case(kind.lower(), llama(num_hidden_layers=1, tie_word_embeddings=True), all_of(kind))
        for kind in ("F32", "BF16")
    ),
    *(
        Case(kind.lower(), llama(), all_of(kind))
        for kind in ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0")
    ),
    Case("q4_k", wide(), [("attn_output.weight", "Q5_0"), ("", "Q4_K")]),
    Case("q5_k", wide(), [("attn_output.weight", "Q5_1"), ("", "Q5_K")]),
    Case("q6_k", wide(), [("attn_output.weight", "Q8_0"), ("", "Q6_K")]),
    Case(
        "q4_k_m",
        wide(),
        [
            ("attn_output.weight", "Q5_0"),
            ("attn_v.weight", "Q6_K"),
            ("ffn_down.weight", "Q6_K"),
            (EMBEDDING, "Q6_K"),
            ("", "Q4_K"),
        ],
        notes="as files named Q4_K_M: more bits for some, and other types for narrow rows",
    ),
    Case(
        "llama3-rope",
        llama(rope_parameters=LLAMA3, tie_word_embeddings=True),
        all_of("F16"),
        notes="divisors of rotary frequencies as a tensor",
    ),
    Case(
        "llama-bias",
        llama(
            attention_bias=True,
            mlp_bias=True,
            tie_word_embeddings=True,
            rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0},
        ),
        all_of("F16"),
        notes="biases, those of queries and keys in the file's order; linear scaling",
    ),
    Case(
        "mistral",
        family("MistralForCausalLM", "mistral", head_dim=64, sliding_window=None),
        all_of("F16"),
        tokenizer="llama",
        notes="architecture llama in the file; heads wider than hidden / heads; SentencePiece",
    ),
    Case(
        "qwen2",
        family("Qwen2ForCausalLM", "qwen2", tie_word_embeddings=True),
        all_of("F16"),
        notes="biases of q, k and v; rows in Hugging Face's order",
    ),
    Case(
        "qwen2-yarn",
        family(
            "Qwen2ForCausalLM",
            "qwen2",
            tie_word_embeddings=True,
            rope_parameters={
                "rope_type": "yarn",
                "rope_theta": 10000.0,
                "factor": 4.0,
                "original_max_position_embeddings": 64,
            },
        ),
        all_of("Q8_0"),
        notes="YaRN",
    ),
    Case(
        "qwen3",
        family("Qwen3ForCausalLM", "qwen3", head_dim=64, tie_word_embeddings=True),
        all_of("F16"),
        notes="norms of queries and keys",
    ),
    Case("split", llama(), all_of("Q8_0"), split=8, notes="three files"),
]

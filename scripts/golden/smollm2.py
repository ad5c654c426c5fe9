"""Generates the golden data of SmolLM2-135M-Instruct, whose GGUF file scripts/smollm2.ts fetches.

    python3 scripts/golden/smollm2.py "$(deno run -A scripts/smollm2.ts)" --out tests/data/smollm2

`transformers` in float32 on the weights as the `gguf` package dequantizes them. The tokenizer is the one that the file was
made from: its tokens and merges, and the parts of the published tokenizer.json. Needs gguf, jinja2, torch, transformers.
"""

import argparse
import gzip
import hashlib
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import numpy
import torch
import transformers
from gguf import GGUFReader, dequantize
from tokenizers import Tokenizer

from smollm2_prompts import CHATS, OPENINGS, QUESTIONS, TEXTS

sys.path.append(str(Path(__file__).parent.parent / "tokenizers"))
from generate import digest, expected

TOP = 8
CONTINUED, LENGTH = 20, 64
#: Of a text that is continued every token leads the next likeliest by this in logits: what is closer, rounding decides.
MARGIN = 0.1

_NAMES = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}


def _metadata(reader: GGUFReader, key: str):
    return reader.fields[key].contents()


def load_model(reader: GGUFReader) -> transformers.LlamaForCausalLM:
    """The model, its weights in float32."""
    get = lambda key: _metadata(reader, f"llama.{key}")
    heads, kv_heads = get("attention.head_count"), get("attention.head_count_kv")
    config = transformers.LlamaConfig(
        vocab_size=get("vocab_size"), hidden_size=get("embedding_length"), intermediate_size=get("feed_forward_length"), num_hidden_layers=get("block_count"),
        num_attention_heads=heads, num_key_value_heads=kv_heads, rms_norm_eps=get("attention.layer_norm_rms_epsilon"), max_position_embeddings=get("context_length"),
        rope_parameters={"rope_type": "default", "rope_theta": get("rope.freq_base")}, tie_word_embeddings=True, hidden_act="silu",
    )
    weights = {}
    for tensor in reader.tensors:
        data = torch.from_numpy(numpy.array(dequantize(tensor.data, tensor.tensor_type), numpy.float32))
        if tensor.name == "token_embd.weight":
            weights["model.embed_tokens.weight"] = weights["lm_head.weight"] = data
        elif tensor.name == "output_norm.weight":
            weights["model.norm.weight"] = data
        else:
            _, layer, kind, _ = tensor.name.split(".")
            if kind in ("attn_q", "attn_k"):
                # The rows of a head alternate between its two halves.
                rows, columns = data.shape
                count = heads if kind == "attn_q" else kv_heads
                data = data.reshape(count, rows // count // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)
            weights[f"model.layers.{layer}.{_NAMES[kind]}.weight"] = data
    model = transformers.LlamaForCausalLM(config).to(torch.float32).eval()
    model.load_state_dict(weights)
    return model


def load_tokenizer(reader: GGUFReader) -> Tokenizer:
    """The tokenizer as SmolLM2's tokenizer.json has it."""
    tokens = _metadata(reader, "tokenizer.ggml.tokens")
    types = _metadata(reader, "tokenizer.ggml.token_type")
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return Tokenizer.from_str(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "post_processor": None,
        "added_tokens": [{"id": i, "content": token, **flags} for i, token in enumerate(tokens) if types[i] == 3],
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level]},
        "decoder": byte_level | {"add_prefix_space": True},
        "model": {"type": "BPE", "vocab": {token: i for i, token in enumerate(tokens)}, "merges": [m.split(" ") for m in _metadata(reader, "tokenizer.ggml.merges")]},
    }))


@torch.no_grad()
def score(model: torch.nn.Module, ids: list[int]) -> dict:
    """Log-probabilities of each token but the first, and of the likeliest in its place."""
    logprobs = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)[:-1]
    values, top = logprobs.topk(TOP, -1)
    own = logprobs.gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
    short = lambda tensor: [round(value, 4) for value in tensor.flatten().tolist()]
    return {"ids": ids, "logprobs": short(own), "top": top.flatten().tolist(), "topLogprobs": short(values)}


@torch.no_grad()
def continuation(model: torch.nn.Module, ids: list[int], stop: int) -> tuple[list[int], float]:
    """The likeliest tokens, one after another, up to the one that stops; and by how much the least clear one led."""
    out, cache, given, margin = [], None, torch.tensor([ids]), float("inf")
    while len(out) < LENGTH and (not out or out[-1] != stop):
        step = model(given, past_key_values=cache, use_cache=True)
        cache = step.past_key_values
        (first, second), (token, _) = (values.tolist() for values in step.logits[0, -1].topk(2))
        margin = min(margin, first - second)
        out.append(token)
        given = torch.tensor([[token]])
    return out, margin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--out", type=Path, default=Path("tests/data/smollm2"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    reader = GGUFReader(args.gguf)
    tokenizer = load_tokenizer(reader)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|im_start|>", eos_token="<|im_end|>", unk_token="<|endoftext|>", pad_token="<|im_end|>")
    fast.chat_template = _metadata(reader, "tokenizer.chat_template")
    render = lambda chat, begun: fast.apply_chat_template(chat, tokenize=False, add_generation_prompt=begun)
    encode = lambda text: tokenizer.encode(text).ids

    stored = Path(__file__).parent.parent.parent / "tests/data/tokenizers/texts.json.gz"
    tried = json.loads(gzip.decompress(stored.read_bytes()))
    (args.out / "texts.bin").write_bytes(b"".join(digest(expected(tokenizer, text, i)) for i, text in enumerate(tried)))

    model = load_model(reader)
    scored = [score(model, encode(text)) for text in TEXTS if len(encode(text)) > 1]
    prompts = [text for pair in zip([render([{"role": "user", "content": q}], True) for q in QUESTIONS], OPENINGS + [None] * len(QUESTIONS)) for text in pair if text is not None]
    continued, tried_count = [], 0
    for prompt in prompts:
        if len(continued) == CONTINUED:
            break
        tried_count += 1
        tokens, margin = continuation(model, encode(prompt), 2)
        print(f"{margin:.3f} {len(tokens)} {tokenizer.decode(tokens)[:90]!r}", flush=True)
        if margin >= MARGIN:
            continued.append({"prompt": prompt, "tokens": tokens, "text": tokenizer.decode(tokens), "margin": round(margin, 4)})
    golden = {
        "chats": [{"messages": chat, "addGenerationPrompt": begun, "text": render(chat, begun)} for chat, begun in CHATS],
        "scored": scored,
        "continued": continued,
    }
    data = json.dumps(golden, ensure_ascii=False, separators=(",", ":")).encode()
    (args.out / "golden.json.gz").write_bytes(gzip.compress(data, 9, mtime=0))
    about = {
        "generator": "scripts/golden/smollm2.py",
        "sha256": hashlib.sha256(args.gguf.read_bytes()).hexdigest(),
        "texts": len(tried), "top": TOP, "margin": MARGIN, "promptsTried": tried_count,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in ("gguf", "jinja2", "numpy", "tokenizers", "torch", "transformers")}},
    }
    (args.out / "about.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Generates the golden data of tokenizers in GGUF files: the files, as llama.cpp's converter writes their metadata, and what
the tokenizer that each was made from does with the texts of `generate.py`.

    python3 scripts/tokenizers/gguf_files.py --out tests/data/tokenizers/gguf

Needs gguf, sentencepiece, tokenizers and transformers (no torch). Where `transformers`, given the same GGUF file, has
other ids than the tokenizer that it was made from, about.json says for how many texts.
"""

import argparse
import gzip
import io
import json
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

import sentencepiece
import tokenizers
import transformers
from gguf import GGUFWriter, TokenType
from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast
from transformers.tokenization_utils_base import generate_merges

import descriptions
from generate import CORPUS, TEXTS, digest, expected
from texts import texts

_LLAMA_2 = {"bos": "<s>", "eos": "</s>", "unk": "<unk>"}
_QWEN = {"bos": "<|endoftext|>", "eos": "<|im_end|>", "pad": "<|endoftext|>"}

# For each: what it is made from, the name that converters have for how it cuts words, tokens with a role, and what else is
# written. Without `pre` it is a SentencePiece model.
_CASES: dict[str, dict] = {
    "llama-bpe": dict(of="llama-3", pre="llama-bpe", roles={"bos": "<|begin_of_text|>", "eos": "<|eot_id|>"}),
    "smaug-bpe": dict(of="llama-3", pre="smaug-bpe", model={"ignore_merges": False}, roles={"bos": "<|begin_of_text|>", "eos": "<|eot_id|>"}, add_bos=True),
    "qwen2": dict(of="qwen-2", pre="qwen2", roles=_QWEN, add_bos=False),
    "qwen3": dict(of="qwen-3", pre="qwen2", roles=_QWEN, add_bos=False),
    "tekken": dict(of="tekken", pre="tekken", roles=_LLAMA_2 | {"pad": "<pad>"}),
    "smollm": dict(of="smollm-2", pre="smollm", roles={"bos": "<|im_start|>", "eos": "<|im_end|>", "unk": "<|endoftext|>", "pad": "<|im_end|>"},
                   add_bos=False, add_space_prefix=False),
    "gpt-2": dict(of="gpt-2", pre="gpt-2", roles={"bos": "<|endoftext|>", "eos": "<|endoftext|>"}, add_space_prefix=True),
    "deepseek-v3": dict(of="deepseek-3", pre="deepseek-v3", roles={"bos": "<｜begin▁of▁sentence｜>", "eos": "<｜end▁of▁sentence｜>"}, add_bos=True),
    "deepseek-coder": dict(of="deepseek-coder", pre="deepseek-coder", roles={"bos": "<｜begin▁of▁sentence｜>", "eos": "<|EOT|>"}, add_bos=True),
    "sentencepiece": dict(of="llama-2-legacy", roles=_LLAMA_2),
    "sentencepiece-ids": dict(of="llama-2-legacy", roles={}, scores=False, add_bos=True, add_eos=True),
    "sentencepiece-no-prefix": dict(of="yi", roles=_LLAMA_2, add_bos=False, add_space_prefix=False),
    "sentencepiece-mistral-3": dict(of="mistral-3", roles=_LLAMA_2, add_bos=True, add_eos=False),
}


def _looks_special(token: str) -> bool:
    """Whether a token is written as a control token though it is not special."""
    return (token.startswith("<|") and token.endswith("|>")) or (token.startswith("<｜") and token.endswith("｜>"))


def _sentencepiece(corpus: list[str], before: list[str], prefix: bool) -> tuple[list, sentencepiece.SentencePieceProcessor]:
    """The pieces of a model trained on a corpus, and the model."""
    from sentencepiece import sentencepiece_model_pb2

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus), model_writer=model, model_type="bpe", vocab_size=2000, byte_fallback=True, character_coverage=0.98,
        normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=prefix, control_symbols=[t for t in before if t not in _LLAMA_2.values()],
        split_digits=True, allow_whitespace_only_pieces=True, num_threads=1, minloglevel=2, max_sentence_length=100000,
    )
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    return list(proto.pieces), sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def _original(case: dict, corpus: list[str]) -> tuple[dict, dict[str, float], sentencepiece.SentencePieceProcessor | None]:
    """The description that a GGUF file is made from, scores of its tokens, and SentencePiece's own tokenizer."""
    description = json.loads(descriptions.build(case["of"], corpus).to_str())
    scores, processor = {}, None
    if "pre" not in case:
        before = [token["content"] for token in description["added_tokens"] if token["id"] < 10]
        pieces, processor = _sentencepiece(corpus, before, case.get("add_space_prefix", True))
        vocab = {piece.piece: i for i, piece in enumerate(pieces)}
        scores = {piece.piece: piece.score for piece in pieces}
        description["model"] |= {"vocab": vocab, "merges": generate_merges(vocab, scores)}
        size = len(vocab)
        for token in description["added_tokens"]:
            if token["content"] not in vocab:
                token["id"], size = size, size + 1
            else:
                token["id"] = vocab[token["content"]]
    description["model"] |= case.get("model", {})
    # What is not in a GGUF file: how added tokens strip spaces and are normalized, and that what looks special is not.
    for token in description["added_tokens"]:
        token.update(lstrip=False, rstrip=False, single_word=False, normalized=False, special=token["special"] or _looks_special(token["content"]))
    ids = {token: i for token, i in Tokenizer.from_str(json.dumps(description)).get_vocab(True).items()}
    roles = case["roles"] or _LLAMA_2
    around = [roles["bos"] if case.get("add_bos", case.get("pre") in (None, "llama-bpe", "tekken")) else None, roles["eos"] if case.get("add_eos") else None]
    tokenizer = Tokenizer.from_str(json.dumps(description | {"post_processor": None}))
    description["post_processor"] = descriptions._template(tokenizer, *around)
    assert all(token in ids for token in roles.values())
    return description, scores, processor


def _write(path: Path, case: dict, description: dict, scores: dict[str, float]) -> None:
    """Writes metadata as convert_hf_to_gguf.py does, and no tensors."""
    writer = GGUFWriter(path, "llama")
    model = description["model"]
    ids = {id: token for token, id in model["vocab"].items()}
    added = {token["id"]: token for token in description["added_tokens"]}
    # A few more rows, as embeddings are padded.
    count = max([*ids, *added]) + 1 + 3
    tokens, types, values = [], [], []
    for i in range(count):
        token, kind = ids.get(i), TokenType.NORMAL
        if i in added:
            token = added[i]["content"]
            kind = TokenType.CONTROL if added[i]["special"] else TokenType.USER_DEFINED
            if kind == TokenType.USER_DEFINED:
                token = token.replace("▁", " ")
        elif token is None:
            token, kind = f"[PAD{i}]", TokenType.UNUSED
        elif "pre" not in case and len(token) == 6 and token.startswith("<0x"):
            kind = TokenType.BYTE
        if token == "<unk>" and "pre" not in case:
            kind = TokenType.UNKNOWN
        tokens.append(token)
        types.append(kind)
        values.append(scores.get(token, -1000.0) if case.get("scores", True) else -1000.0)
    writer.add_context_length(64)
    writer.add_tokenizer_model("gpt2" if "pre" in case else "llama")
    writer.add_tokenizer_pre(case.get("pre", "default"))
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    if "pre" in case:
        writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    else:
        writer.add_token_scores(values)
    every = {token: i for i, token in enumerate(tokens)}
    for role, token in case["roles"].items():
        getattr(writer, f"add_{role}_token_id")(every[token])
    for key in ("add_bos", "add_eos"):
        if key in case:
            getattr(writer, f"add_{key}_token")(case[key])
    if "add_space_prefix" in case:
        writer.add_add_space_prefix(case["add_space_prefix"])
    writer.add_chat_template([{"name": "default", "template": "{{ bos_token }}{{ messages[0].content }}"}, {"name": "tool_use", "template": "{{ tools }}"}])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _others(path: Path, original: Tokenizer, processor, tried: list[str]) -> dict:
    """For how many texts other implementations have other ids than the tokenizer that a GGUF file was made from."""
    theirs = PreTrainedTokenizerFast.from_pretrained(path.parent, gguf_file=path.name)
    out = {"transformers": sum(theirs.encode(text, add_special_tokens=False) != original.encode(text, add_special_tokens=False).ids for text in tried)}
    if processor is not None:
        # It is not told of added tokens.
        added = [token.content for token in original.get_added_tokens_decoder().values()]
        plain = [text for text in tried if not any(token in text for token in added)]
        out["sentencepiece"] = sum(processor.EncodeAsIds(text) != original.encode(text, add_special_tokens=False).ids for text in plain)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("tests/data/tokenizers/gguf"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    corpus = texts(args.seed + 1, CORPUS, added=False)
    tried = texts(args.seed, TEXTS, added=True)
    hashes, others, built = bytearray(), {}, {}
    for name, case in _CASES.items():
        description, scores, processor = _original(case, corpus)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.gguf"
            _write(path, case, description, scores)
            (args.out / f"{name}.gguf.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
            original = Tokenizer.from_str(json.dumps(description))
            others[name] = _others(path, original, processor, tried)
        built[name] = description
        for index, text in enumerate(tried):
            hashes += digest(expected(original, text, index))
        print(name, others[name], flush=True)
    (args.out / "texts.bin").write_bytes(hashes)
    (args.out / "originals.json.gz").write_bytes(gzip.compress(json.dumps(built, ensure_ascii=False, separators=(",", ":")).encode(), 9, mtime=0))
    about = {
        "generator": "scripts/tokenizers/gguf_files.py",
        "seed": args.seed,
        "texts": TEXTS,
        "tokenizers": list(_CASES),
        "otherIds": others,
        "versions": {"python": platform.python_version(), **{lib.__name__: lib.__version__ for lib in (sentencepiece, tokenizers, transformers)},
                     "gguf": version("gguf")},
    }
    (args.out / "about.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

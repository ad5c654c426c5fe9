"""Tokenizer descriptions with the settings that each family of models publishes, and small vocabularies of their own."""

import json
from collections.abc import Iterable

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE, Unigram

import vocabulary

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_LLAMA_3 = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_QWEN_2 = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_DEEPSEEK_3 = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_WORDS = "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅḀ-ἕⰀ-ⱻꙀ-ꙭﬀ-ﬆＡ-Ｚａ-ｚ𐐀-𐑏𞤀-𞥃]+"


def _split(pattern: str, behavior: str = "Isolated", invert: bool = False) -> dict:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert}


def _replace(pattern: str, content: str) -> dict:
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def _byte_level(use_regex: bool = False, add_prefix_space: bool = False) -> dict:
    return {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": True, "use_regex": use_regex}


def _sequence(kind: str, *parts: dict) -> dict:
    return {"type": "Sequence", kind: list(parts)}


def _digits(individual: bool) -> dict:
    return {"type": "Digits", "individual_digits": individual}


def _metaspace(scheme: str, split: bool) -> dict:
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}


_BYTES = _byte_level(use_regex=True)
_SP_DECODER = _sequence(
    "decoders", _replace("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}
)
_PLAIN_SP_DECODER = _sequence("decoders", _replace("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"})
_LEGACY = _sequence("normalizers", {"type": "Prepend", "prepend": "▁"}, _replace(" ", "▁"))
_SP_MODEL = {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}


def _special(*contents: str, **flags) -> list[AddedToken]:
    return [AddedToken(content, special=True, normalized=False, **flags) for content in contents]


def _plain(*contents: str, **flags) -> list[AddedToken]:
    flags = {"normalized": False, **flags}
    return [AddedToken(content, special=False, **flags) for content in contents]


# For each: the parts of tokenizer.json, options of the model, tokens that come before and after the trained vocabulary,
# and what goes around a text. "sp" trains characters with byte fallback, "bytes" the signs of bytes.
_CASES: dict[str, dict] = {
    "llama-2-legacy": dict(kind="sp", normalizer=_LEGACY, decoder=_SP_DECODER, before=_special("<unk>", "<s>", "</s>"), around=("<s>", None)),
    "llama-2": dict(kind="sp", pre_tokenizer=_metaspace("first", False), decoder=_SP_DECODER, before=_special("<unk>", "<s>", "</s>"),
                    after=_special("<pad>"), around=("<s>", None)),
    "llama-3": dict(kind="bytes", pre_tokenizer=_sequence("pretokenizers", _split(_LLAMA_3), _byte_level()), model={"ignore_merges": True},
                    after=_special("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|eot_id|>"), around=("<|begin_of_text|>", None)),
    "mistral-3": dict(kind="sp", pre_tokenizer=_metaspace("first", False), decoder=_SP_DECODER,
                      before=_special("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]"), around=("<s>", None)),
    "tekken": dict(kind="bytes", pre_tokenizer=_sequence("pretokenizers", _split(_TEKKEN), _byte_level()), model={"ignore_merges": True},
                   before=_special("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "<pad>"), around=("<s>", None)),
    "qwen-2": dict(kind="bytes", normalizer={"type": "NFC"}, pre_tokenizer=_sequence("pretokenizers", _split(_QWEN_2), _byte_level()),
                   after=_special("<|endoftext|>", "<|im_start|>", "<|im_end|>"), post_processor=_byte_level()),
    "qwen-3": dict(kind="bytes", normalizer={"type": "NFC"}, pre_tokenizer=_sequence("pretokenizers", _split(_QWEN_2), _byte_level()),
                   after=_special("<|endoftext|>", "<|im_start|>", "<|im_end|>") + _plain("<tool_call>", "</tool_call>", "<|fim_prefix|>", "<think>", "</think>"),
                   post_processor=_byte_level()),
    "deepseek-1": dict(kind="bytes", normalizer=_sequence("normalizers"),
                       pre_tokenizer=_sequence("pretokenizers", _split("[\r\n]"), _split(_WORDS), _split("\\s?[!-/:-~！-／：-～‘-‟　-。]+"), _split("\\s+$"),
                                               _split("[一-龥ࠀ-一가-퟿]+"), _digits(True), _byte_level()),
                       after=_plain("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<|EOT|>", normalized=True), around=("<｜begin▁of▁sentence｜>", None)),
    "deepseek-3": dict(kind="bytes", normalizer=_sequence("normalizers"),
                       pre_tokenizer=_sequence("pretokenizers", _split(r"\p{N}{1,3}"), _split("[一-龥\u3040-ゟ゠-ヿ]+"), _split(_DEEPSEEK_3), _byte_level()),
                       before=_special("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"),
                       after=_plain("<｜User｜>", "<｜Assistant｜>") + _plain("<think>", "</think>", normalized=True), around=("<｜begin▁of▁sentence｜>", None)),
    "smollm-2": dict(kind="bytes", pre_tokenizer=_sequence("pretokenizers", _digits(True), _BYTES),
                     before=_special("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<jupyter_code>"), post_processor=_byte_level(True)),
    "phi-3": dict(kind="sp", normalizer=_LEGACY, decoder=_SP_DECODER, before=_special("<unk>", "<s>") + _plain("</s>", rstrip=True),
                  after=_special("<|endoftext|>") + _special("<|assistant|>", "<|user|>", "<|end|>", rstrip=True), around=("<s>", None)),
    "gemma": dict(kind="sp", normalizer=_replace(" ", "▁"), pre_tokenizer={"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
                  decoder=_PLAIN_SP_DECODER, before=_special("<pad>", "<eos>", "<bos>", "<unk>", "<mask>"),
                  after=_special("<start_of_turn>", "<end_of_turn>") + _plain("\n\n", "\n\n\n", "\t\t", "▁▁", "▁▁▁"), around=("<bos>", None)),
    "gpt-neox": dict(kind="bytes", normalizer={"type": "NFC"}, pre_tokenizer=_BYTES, before=_special("<|endoftext|>") + _special("<pad>"),
                     after=_plain(" " * 8, " " * 3, "  ", "|||EMAIL_ADDRESS|||", normalized=True), post_processor=_byte_level(True)),
    "gpt-2": dict(kind="bytes", pre_tokenizer=_byte_level(True, add_prefix_space=True), after=_special("<|endoftext|>") + _special("<mask>", lstrip=True),
                  post_processor=_byte_level(True)),
    "yi": dict(kind="sp", normalizer=_sequence("normalizers", _replace(" ", "▁")), decoder=_PLAIN_SP_DECODER, before=_special("<unk>", "<s>", "</s>"),
               after=_special("<|im_start|>", "<|im_end|>", "[gMASK]")),
    "falcon": dict(kind="bytes", pre_tokenizer=_sequence("pretokenizers", {"type": "Punctuation", "behavior": "Contiguous"}, _BYTES, _digits(False), _split("[0-9][0-9][0-9]")),
                   before=_special("<|endoftext|>"), post_processor=_byte_level(True)),
    # What published descriptions use now and then, together: every behaviour of Split and Punctuation, and tokens that are words.
    "mixed": dict(kind="bytes",
                  normalizer=_sequence("normalizers", {"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▂"}, {"type": "StripAccents"},
                                       {"type": "Lowercase"}, {"type": "Prepend", "prepend": " "}),
                  pre_tokenizer=_sequence("pretokenizers", _split("▂", "MergedWithPrevious"), {"type": "Punctuation", "behavior": "MergedWithNext"},
                                          _split("[aeiou]+", "Contiguous"), _split("\u200b", "Removed"), _split(r"\d+", "Isolated", True), _digits(True), _byte_level()),
                  after=_plain("wordy", "ordy", single_word=True) + _plain("ＦＵＬＬ", "éclair", normalized=True) + _plain("Wordy", normalized=True, single_word=True)
                  + _special("<mask>", lstrip=True, rstrip=True) + _special("<|im_", "<|im_start|>", "<|"), around=("<mask>", "<|im_start|>")),
    # A normalizer that leaves out the first characters, before a part that asks whether a piece is the first.
    "stripped": dict(kind="sp", normalizer=_sequence("normalizers", {"type": "Strip", "strip_left": True, "strip_right": False}, {"type": "NFKD"}),
                     pre_tokenizer=_metaspace("first", True), decoder=_metaspace("first", True), before=_special("<unk>", "<s>", "</s>"),
                     after=_plain("wordy", normalized=True), around=("<s>", "</s>")),
    # As Japanese models of Llama's architecture have it: Unigram with byte fallback.
    "unigram": dict(kind="unigram", normalizer={"type": "NFKC"}, pre_tokenizer=_metaspace("always", True),
                    decoder=_sequence("decoders", {"type": "ByteFallback"}, _metaspace("always", True)), before=_special("<unk>", "<s>", "</s>"),
                    after=_special("<mask>", lstrip=True), around=("<s>", "</s>")),
}

# Those that only GGUF files are made from.
_MORE: dict[str, dict] = {
    "deepseek-coder": dict(kind="bytes", normalizer=_sequence("normalizers"),
                           pre_tokenizer=_sequence("pretokenizers", _split("[\r\n]"), _split("\\s?\\p{L}+"), _split("\\s?\\p{P}+"), _split("[一-龥ࠀ-一가-퟿]+"), _digits(True), _byte_level()),
                           after=_special("<｜begin▁of▁sentence｜>", "<|EOT|>") + _plain("<｜fim▁hole｜>", normalized=True), around=("<｜begin▁of▁sentence｜>", None)),
}

#: Descriptions whose vocabulary shows in the ids, for every code point, where a text was cut.
CODE_POINTS = ["llama-3", "smollm-2", "mixed"]


def _template(tokenizer: Tokenizer, begin: str | None, end: str | None) -> dict:
    named = [token for token in (begin, end) if token is not None]
    part = [{"Sequence": {"id": "A", "type_id": 0}}]
    first = [{"SpecialToken": {"id": begin, "type_id": 0}}] if begin else []
    last = [{"SpecialToken": {"id": end, "type_id": 0}}] if end else []
    return {
        "type": "TemplateProcessing",
        "single": first + part + last,
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [tokenizer.token_to_id(token)], "tokens": [token]} for token in named},
    }


def _edges(merges: list[tuple[str, str]], vocab: dict[str, int]) -> None:
    """Adds merges of a letter, digit or space with the first or last byte of any other character."""
    signs = sorted(_byte_of(), key=_byte_of().get)
    pairs = [(signs[ord(left)], signs[lead]) for left in " a1" for lead in range(0xC2, 0xF5)]
    pairs += [(signs[last], signs[ord(right)]) for last in range(0x80, 0xC0) for right in "b1\n"]
    for left, right in pairs:
        if left + right in vocab:
            continue
        vocab[left + right] = max(vocab.values()) + 1
        merges.append((left, right))


def _byte_of() -> dict[str, int]:
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


def build(name: str, corpus: Iterable[str]) -> Tokenizer:
    """The tokenizer of a case: a vocabulary from `corpus`, and its tokens."""
    case = (_CASES | _MORE)[name]
    kind = case["kind"]
    before = case.get("before", [])
    first = [token.content for token in before]
    if kind != "bytes":
        first += [f"<0x{byte:02X}>" for byte in range(256)]
    parts = {key: case.get(key) for key in ("normalizer", "pre_tokenizer")}
    parts["decoder"] = case.get("decoder", _byte_level(True, True))
    words = vocabulary.words(_with(Tokenizer(BPE()), parts), corpus)
    if kind == "unigram":
        model = Unigram([(token, 0.0) for token in first] + vocabulary.unigram(words, 500), 0, True)
    else:
        alphabet = list(_byte_of()) if kind == "bytes" else vocabulary.alphabet(words, 220)
        merges = vocabulary.merges(words, alphabet, 320 if kind == "bytes" else 480)
        vocab = {token: i for i, token in enumerate(dict.fromkeys([*first, *alphabet, *(a + b for a, b in merges)]))}
        if name in CODE_POINTS:
            _edges(merges, vocab)
        model = BPE(vocab, merges, **(_SP_MODEL if kind == "sp" else {}), **case.get("model", {}))
    tokenizer = _with(Tokenizer(model), parts)
    tokenizer.add_tokens(before + case.get("after", []))
    around = case.get("around")
    return _with(tokenizer, {"post_processor": _template(tokenizer, *around) if around else case.get("post_processor")})


def _with(tokenizer: Tokenizer, parts: dict) -> Tokenizer:
    return Tokenizer.from_str(json.dumps(json.loads(tokenizer.to_str()) | parts))


#: The names of all cases.
NAMES = list(_CASES)

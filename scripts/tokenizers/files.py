"""Model directories whose tokens are named by files beside tokenizer.json, and what `transformers` makes of them."""

import copy
import json
import tempfile
from pathlib import Path

from transformers import AutoTokenizer

_CONFIG = "tokenizer_config.json"
_MAP = "special_tokens_map.json"
_ADDED = "added_tokens.json"


def _token(content: str, kind: str | None = None, **flags) -> dict:
    plain = {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    return ({"__type": kind} if kind else {}) | plain | flags


def _typed(content: str, **flags) -> dict:
    return _token(content, "AddedToken", **flags)


_BOS = "<|begin_of_text|>"

_CASES: dict[str, dict] = {
    "no files": {},
    "roles": {_CONFIG: {"bos_token": "<new>", "eos_token": "<|end_of_text|>", "pad_token": "the", "unk_token": None}},
    "every role": {_CONFIG: {f"{role}_token": f"<{role}>" for role in ("mask", "cls", "pad", "sep", "unk", "eos", "bos")}},
    "roles as objects": {_CONFIG: {"bos_token": _typed("<new>", lstrip=True, normalized=True), "eos_token": _typed(_BOS, single_word=True)}},
    "an object with little in it": {_CONFIG: {"bos_token": {"__type": "AddedToken", "content": "<new>"}}},
    "additional_special_tokens": {_CONFIG: {"additional_special_tokens": ["<x>", "the", _BOS]}},
    "extra_special_tokens": {_CONFIG: {"extra_special_tokens": ["<x>", _typed("<y>", lstrip=True, special=True)]}},
    "both, the older one is empty": {_CONFIG: {"additional_special_tokens": [], "extra_special_tokens": ["<z>"]}},
    "both, the newer one is empty": {_CONFIG: {"additional_special_tokens": ["<a>"], "extra_special_tokens": []}},
    "both": {_CONFIG: {"additional_special_tokens": ["<a>"], "extra_special_tokens": ["<z>"]}},
    "tokens with roles of the model": {_CONFIG: {"image_token": "<img>", "extra_special_tokens": {"audio_token": "<aud>"}}},
    "added_tokens_decoder": {
        _CONFIG: {"bos_token": _BOS, "added_tokens_decoder": {
            "1001": _token("<b>", special=True), "1000": _token("<a>", normalized=True, rstrip=True, special=False), "7": _token("the", special=False)}},
        _MAP: {"bos_token": "<map>"},
        _ADDED: {"<file>": 2000},
    },
    "added_tokens_decoder gives a known token other properties": {
        _CONFIG: {"bos_token": _BOS, "added_tokens_decoder": {"914": _token(_BOS, normalized=True, rstrip=True, special=False)}},
    },
    "added_tokens_decoder without properties": {_CONFIG: {"added_tokens_decoder": {"2000": {"content": "<o>"}, "1999": {"content": "<p>", "special": True}}}},
    "added_tokens_decoder and a list": {
        _CONFIG: {"additional_special_tokens": ["<o>", "<q>"], "added_tokens_decoder": {"2000": _token("<o>", lstrip=True, special=False)}},
    },
    "an empty added_tokens_decoder": {_CONFIG: {"bos_token": _typed("<new>", lstrip=True), "added_tokens_decoder": {}}, _MAP: {"pad_token": "<p>"}},
    "special_tokens_map.json": {
        _MAP: {"bos_token": "<map>", "eos_token": _token("<e>", lstrip=True, normalized=True), "additional_special_tokens": ["<q>"]},
    },
    "special_tokens_map.json before the configuration": {_MAP: {"bos_token": "<map>", "pad_token": None}, _CONFIG: {"bos_token": "<c>", "eos_token": "<f>", "pad_token": "<p>"}},
    "lists are joined": {_MAP: {"extra_special_tokens": ["<e1>", {"content": "<e2>", "lstrip": True}]}, _CONFIG: {"extra_special_tokens": ["<e0>"]}},
    "a list hides an older one": {_MAP: {"additional_special_tokens": ["<e1>"]}, _CONFIG: {"additional_special_tokens": ["<e0>"]}},
    "added_tokens.json": {_ADDED: {"<b>": 1001, "<a>": 1000, "the": 5, "<s1>": 1002}, _CONFIG: {"additional_special_tokens": ["<s1>"], "bos_token": "<a>"}},
    "added_tokens.json and the map": {_ADDED: {"<a>": 950, "<b>": 940, "<img>": 960}, _MAP: {"additional_special_tokens": ["<a>"], "image_token": "<img>"}},
    "added_tokens.json names ids of others": {_ADDED: {"<b>": 914, "<|end_of_text|>": 915}},
    "special tokens are text": {_CONFIG: {"split_special_tokens": True, "bos_token": "<new>"}},
}

# What the tokens are called, in places where their properties show.
_TEXTS = [f"{before}{token}{after}" for token in (_BOS, "<new>", "<a>", "<o>", "<e>", "<y>", "the") for before, after in (("", ""), ("x ", " x"), ("x", "x"))]


def cases(description: dict, texts: list[str]) -> list[dict]:
    """For each case its files, the tokens that are added in the end, and ids and decoded texts of `texts` and more."""
    base = copy.deepcopy(description)
    base["added_tokens"] = base["added_tokens"][:2]
    base["added_tokens"][0]["rstrip"] = True
    tried = _TEXTS + texts
    out = []
    for name, files in _CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            for file, value in {"tokenizer.json": base, **files}.items():
                (Path(folder) / file).write_text(json.dumps(value), encoding="utf-8")
            tokenizer = AutoTokenizer.from_pretrained(folder)
        ids = [tokenizer.encode(text) for text in tried]
        out.append({
            "name": name,
            "files": files,
            "added": json.loads(tokenizer.backend_tokenizer.to_str())["added_tokens"],
            "special": {role: str(token) for role, token in tokenizer.special_tokens_map.items()},
            "ids": ids,
            "decoded": [tokenizer.decode(some, skip_special_tokens=True) for some in ids],
        })
    return [{"description": base, "texts": tried}, *out]

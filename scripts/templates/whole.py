"""Whole templates with conversations, and where tokenizers find their templates, through `transformers` itself."""

import copy
import json
import tempfile
from pathlib import Path

import transformers
from tokenizers import Tokenizer, models

import environment
from conversations import CONVERSATIONS

TOKENS = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": {"__type": "AddedToken", "content": "<pad>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True},
    "image_token": "<image>",
}


def tokenizer(files: dict):
    """The tokenizer of a folder with these files (text, or values as JSON) beside a small vocabulary."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>")).save(str(folder / "tokenizer.json"))
        config = {"tokenizer_class": "PreTrainedTokenizerFast", **files.get("tokenizer_config.json", {})}
        for path, content in {**files, "tokenizer_config.json": config}.items():
            file = folder / path
            file.parent.mkdir(exist_ok=True)
            file.write_bytes((content if isinstance(content, str) else json.dumps(content)).encode())
        return transformers.AutoTokenizer.from_pretrained(folder)


def conversations(folder: Path) -> list[dict]:
    """What each template of a folder makes of each conversation."""
    cases = []
    for file in sorted(folder.glob("*.jinja")):
        source = file.read_bytes().decode()
        reader = tokenizer({"tokenizer_config.json": TOKENS, "chat_template.jinja": source})
        for name, chat in CONVERSATIONS.items():
            result = environment.attempt(
                lambda: reader.apply_chat_template(
                    copy.deepcopy(chat["messages"]),
                    tools=chat.get("tools"),
                    documents=chat.get("documents"),
                    add_generation_prompt=chat["add_generation_prompt"],
                    tokenize=False,
                    **chat.get("variables", {}),
                )
            )
            cases.append({"template": file.name, "conversation": name, **result})
    return cases


_NAMED = [{"name": "default", "template": "listed"}, {"name": "tool_use", "template": "listed with tools"}]

# Files, and the template asked for by name, with and without tools.
PLACES = [
    {"tokenizer_config.json": {"chat_template": "of the config"}},
    {"tokenizer_config.json": {"chat_template": "of the config"}, "chat_template.jinja": "of its own file"},
    {"tokenizer_config.json": {"chat_template": "of the config"}, "additional_chat_templates/rag.jinja": "a further one"},
    {"chat_template.jinja": "of its own file", "additional_chat_templates/tool_use.jinja": "a further one"},
    {"chat_template.jinja": "of its own file", "additional_chat_templates/default.jinja": "a further one"},
    {"chat_template.jinja": "of its own file", "additional_chat_templates/note.txt": "no template"},
    {"tokenizer_config.json": {"chat_template": _NAMED}},
    {"tokenizer_config.json": {"chat_template": _NAMED[1:]}},
    {"tokenizer_config.json": {"chat_template": {"default": "of an object", "rag": "another of it"}}},
    {"tokenizer_config.json": {"chat_template": []}},
    {"tokenizer_config.json": {"chat_template": None}},
    {"tokenizer_config.json": {}},
    {"chat_template.jinja": ""},
    {"chat_template.jinja": "\ufeff{% if true %}\r\nmarked{% endif %}"},
    {
        "chat_template.jinja": "{{ bos_token }}|{{ eos_token }}|{{ image_token }}|{{ pad_token }}|{{ extra }}|{{ sep_token is defined }}",
        "tokenizer_config.json": {**TOKENS, "added_tokens_decoder": {}, "extra_special_tokens": {"extra": "<extra>"}},
    },
    {
        "chat_template.jinja": "{{ bos_token }}|{{ eos_token }}|{{ cls_token }}",
        "tokenizer_config.json": {"bos_token": "<config>", "eos_token": None},
        "special_tokens_map.json": {"bos_token": {"content": "<map>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}, "cls_token": "<cls>"},
    },
    {
        "chat_template.jinja": "{{ bos_token }}|{{ cls_token }}",
        "tokenizer_config.json": {"bos_token": "<config>", "added_tokens_decoder": {}},
        "special_tokens_map.json": {"bos_token": "<map>", "cls_token": "<cls>"},
    },
]


def places() -> list[dict]:
    """Which template a tokenizer takes."""
    message = [{"role": "user", "content": "x"}]
    tool = {"type": "function", "function": {"name": "f"}}
    cases = []
    for files in PLACES:
        reader = tokenizer(files)
        names = list(reader.chat_template) if isinstance(reader.chat_template, dict) else []
        for name in [None, *names]:
            for tools in (None, [tool]):
                result = environment.attempt(
                    lambda: reader.apply_chat_template(message, tools=tools, chat_template=name, tokenize=False)
                )
                cases.append({"files": files, "template": name, "tools": tools, **result})
    return cases

"""Texts of the demo: GSM8K in one format, its tokenizer, light augmentation, and batches."""

import json
import random
import re
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

BOS, EOS, PAD = "<|begin_of_text|>", "<|end_of_text|>", "<|pad|>"
# Words with the mark before them, single digits, runs of marks, line ends, spaces.
PATTERN = r"'\p{L}+|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s*[\r\n]+|\s+(?!\S)|\s+"
FEMALE = """Natalia Betty Julie Mary Sarah Emily Anna Lisa Jane Janet Jenny Susan Amy Maria Tina Rachel
Kate Emma Alice Sally Jessica Olivia Nancy Linda Carol Laura Claire Melissa Hannah Kelly Rebecca
Samantha Sophia Martha Grace Ella Amanda Lily Mia Gina Rosa Marie Ann Cindy""".split()
MALE = """James Mark John Tom Bob Jack Mike Peter Tim Jim Sam Joe Ben Paul David Michael Josh Carl
Kevin Jason Eric Brian Adam Ryan Henry George Steve Matt Frank Billy Jerry Fred Greg Luke Dan Brandon
Robert Andrew Tony Ralph Randy Alex Charlie Ted""".split()
_NAME = re.compile(r"\b(" + "|".join(FEMALE + MALE) + r")\b")
_NUMBER = re.compile(r"(?<![\d.,])\d{1,4}(?![\d,]|\.\d)")


@dataclass
class Problem:
    """A question and its worked answer, calculator notes removed, ending in a line `#### 42`."""

    question: str
    answer: str


@dataclass
class Text:
    """Token ids from the begin token on, and how many of them are the prompt."""

    ids: list[int]
    prompt: int


def load(path: str) -> list[Problem]:
    """The problems of a GSM8K file."""
    out = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            answer = re.sub(r"<<[^>]*>>", "", row["answer"]).strip()
            out.append(Problem(row["question"].strip(), answer))
    return out


def prompt_text(question: str) -> str:
    """What the model reads before it answers."""
    return f"Question: {question}\nAnswer:"


def train_tokenizer(problems: list[Problem], vocab: int) -> Tokenizer:
    """A byte-level BPE whose encodings begin with the begin token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=[BOS, EOS, PAD],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    texts = [f"{prompt_text(p.question)} {p.answer}" for p in problems]
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A",
        pair=f"{BOS} $A {BOS} $B",
        special_tokens=[(BOS, tokenizer.token_to_id(BOS))],
    )
    return tokenizer


def encode(tokenizer: Tokenizer, problems: list[Problem], longest: int) -> list[Text]:
    """Whole training texts, the end token included; those longer than `longest` tokens are left out."""
    prompts = tokenizer.encode_batch([prompt_text(p.question) for p in problems])
    answers = tokenizer.encode_batch([" " + p.answer for p in problems], add_special_tokens=False)
    end = tokenizer.token_to_id(EOS)
    texts = [Text(p.ids + a.ids + [end], len(p.ids)) for p, a in zip(prompts, answers)]
    return [t for t in texts if len(t.ids) <= longest]


def swap_names(problem: Problem, rng: random.Random) -> Problem:
    """The same problem about other people: each known first name gives way to another of its kind."""
    both = problem.question + "\n" + problem.answer
    present = set(_NAME.findall(both))
    mapping = {}
    for pool in (FEMALE, MALE):
        new = rng.sample(pool, len(pool))
        mapping.update(zip(pool, new))
    mapping = {name: mapping[name] for name in present}

    def swap(text: str) -> str:
        return _NAME.sub(lambda m: mapping[m.group(1)], text)

    return Problem(swap(problem.question), swap(problem.answer))


def vary_question(question: str, rng: random.Random) -> str:
    """A question nobody answered yet: other names, and most numbers replaced by ones as long."""

    def number(match: re.Match) -> str:
        digits = match.group(0)
        if rng.random() < 0.25:
            return digits
        low = 10 ** (len(digits) - 1) if len(digits) > 1 else 2
        return str(rng.randrange(low, 10 ** len(digits)))

    return _NUMBER.sub(number, swap_names(Problem(question, ""), rng).question)


def batches(texts: list[Text], tokens: int, rng: random.Random, pad: int, device, multiple: int = 32):
    """One epoch of (ids i64[b, t], prompt i64[b], length i64[b]), about `tokens` each, of similar lengths."""
    order = list(range(len(texts)))
    rng.shuffle(order)
    chunk = 4096
    groups: list[list[int]] = []
    for start in range(0, len(order), chunk):
        part = sorted(order[start : start + chunk], key=lambda i: len(texts[i].ids))
        group: list[int] = []
        for i in part:
            width = -(-len(texts[i].ids) // multiple) * multiple
            if group and width * (len(group) + 1) > tokens:
                groups.append(group)
                group = []
            group.append(i)
        groups.append(group)
    rng.shuffle(groups)
    for group in groups:
        width = -(-max(len(texts[i].ids) for i in group) // multiple) * multiple
        ids = np.full((len(group), width), pad, dtype=np.int64)
        for row, i in enumerate(group):
            ids[row, : len(texts[i].ids)] = texts[i].ids
        extra = np.array([[texts[i].prompt, len(texts[i].ids)] for i in group], dtype=np.int64)
        extra_t = _move(extra, device)
        yield _move(ids, device), extra_t[:, 0], extra_t[:, 1]


def _move(array: np.ndarray, device) -> torch.Tensor:
    """To the device, without waiting for what is queued there."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor

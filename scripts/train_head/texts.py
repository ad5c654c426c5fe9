"""Token texts: stored in `.npz` files, cut into batches of similar lengths."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch


@dataclass
class Texts:
    """Texts behind one another: ids u16 or i32[tokens], and of each its length and how much of it is the prompt."""

    ids: np.ndarray
    lengths: np.ndarray
    prompts: np.ndarray

    def __post_init__(self):
        self.starts = np.concatenate(([0], np.cumsum(self.lengths)[:-1])) if len(self.lengths) else np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self.lengths)

    def text(self, i: int) -> np.ndarray:
        return self.ids[self.starts[i] : self.starts[i] + self.lengths[i]]

    @staticmethod
    def of(texts: list[tuple[list[int], int]]) -> "Texts":
        """Of (ids, tokens of the prompt) each."""
        largest = max((max(ids) for ids, _ in texts), default=0)
        kind = np.uint16 if largest < 65536 else np.int32
        ids = np.concatenate([np.asarray(ids, kind) for ids, _ in texts]) if texts else np.zeros(0, kind)
        lengths = np.array([len(ids) for ids, _ in texts], np.int64)
        return Texts(ids, lengths, np.array([prompt for _, prompt in texts], np.int64))

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        part = path.with_suffix(".part.npz")
        np.savez(part, ids=self.ids, lengths=self.lengths.astype(np.int32), prompts=self.prompts.astype(np.int32))
        part.replace(path)

    @staticmethod
    def load(path: str | Path) -> "Texts":
        with np.load(path) as file:
            return Texts(file["ids"], file["lengths"].astype(np.int64), file["prompts"].astype(np.int64))

    @staticmethod
    def joined(parts: list["Texts"]) -> "Texts":
        return Texts(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("ids", "lengths", "prompts")))

    def counts(self, vocab: int) -> np.ndarray:
        """How often each token is part of an answer, i64[vocab]."""
        at = np.arange(len(self.ids)) - np.repeat(self.starts, self.lengths)
        return np.bincount(self.ids[at >= np.repeat(self.prompts, self.lengths)], minlength=vocab)


#: Batches are as wide as a multiple of this, so that there are few shapes of them.
MULTIPLE = 64


def width_of(lengths) -> int:
    """The width of a batch of texts of these lengths."""
    return -(-int(max(lengths)) // MULTIPLE) * MULTIPLE


def rows_of(width: int, tokens: int) -> int:
    """Texts of a batch of about `tokens` tokens."""
    return max(1, tokens // width)


def groups(lengths: np.ndarray, tokens: int, rng: random.Random) -> list[list[int]]:
    """One epoch of texts, shuffled, in groups of one width and about `tokens` tokens with their padding.

    Groups of a width are of one size, but for the last, so that steps over them are of few shapes.
    """
    order = list(range(len(lengths)))
    rng.shuffle(order)
    by_width: dict[int, list[int]] = {}
    out: list[list[int]] = []
    for i in order:
        width = width_of([lengths[i]])
        group = by_width.setdefault(width, [])
        group.append(i)
        if len(group) == rows_of(width, tokens):
            out.append(by_width.pop(width))
    out += by_width.values()
    rng.shuffle(out)
    return out


@dataclass
class Batch:
    """ids i64[b, t], padded behind each text; prompt and length i64[b, 1]."""

    ids: torch.Tensor
    prompt: torch.Tensor
    length: torch.Tensor

    def inside(self, offset: int) -> torch.Tensor:
        """bool [b, t]: whether the token `offset` places on is part of the text."""
        return torch.arange(self.ids.shape[1], device=self.ids.device)[None] + offset < self.length

    def answers(self, offset: int) -> torch.Tensor:
        """The same for the answer, which begins behind the prompt."""
        at = torch.arange(self.ids.shape[1], device=self.ids.device)[None] + offset
        return (at >= self.prompt) & (at < self.length)

    def weights(self, offset: int) -> torch.Tensor:
        """f32 [b, t]: 1 where the token `offset` places on is of an answer, 0.1 in a prompt, 0 outside."""
        return (0.1 + 0.9 * self.answers(offset)) * self.inside(offset)


def batch_of(texts: Texts, group: list[int], device, rows: int = 0) -> Batch:
    """The texts of a group as one batch, filled up to `rows` with empty ones."""
    ids = np.zeros((max(rows, len(group)), width_of(texts.lengths[group])), np.int64)
    extra = np.zeros((2, len(ids), 1), np.int64)
    extra[:, : len(group), 0] = texts.prompts[group], texts.lengths[group]
    for row, i in enumerate(group):
        ids[row, : texts.lengths[i]] = texts.text(i)
    move = lambda array: torch.from_numpy(array).to(device, non_blocking=True)
    return Batch(move(ids), *move(extra))

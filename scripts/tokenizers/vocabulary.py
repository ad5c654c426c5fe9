"""Small vocabularies from a corpus, the same each time: the library's own trainers break ties by chance."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable

from tokenizers import Tokenizer


def words(tokenizer: Tokenizer, corpus: Iterable[str]) -> Counter[str]:
    """What a model is given to cut, and how often."""
    counts: Counter[str] = Counter()
    for text in corpus:
        if tokenizer.normalizer is not None:
            text = tokenizer.normalizer.normalize_str(text)
        pieces = [text] if tokenizer.pre_tokenizer is None else [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]
        counts.update(pieces)
    return counts


def alphabet(counts: Counter[str], most: int) -> list[str]:
    """The most frequent characters."""
    signs: Counter[str] = Counter()
    for word, count in counts.items():
        for sign in word:
            signs[sign] += count
    return sorted(sorted(signs, key=lambda sign: (-signs[sign], sign))[:most])


def merges(counts: Counter[str], signs: list[str], most: int) -> list[tuple[str, str]]:
    """Byte-pair encoding's merges; of pairs that are as frequent, the first in order."""
    known = set(signs)
    cut = [([sign if sign in known else None for sign in word], count) for word, count in sorted(counts.items())]
    pairs: Counter[tuple[str, str]] = Counter()
    where: defaultdict[tuple[str, str], set[int]] = defaultdict(set)

    def count(index: int, sign: int) -> None:
        parts, times = cut[index]
        for pair in zip(parts, parts[1:]):
            if None not in pair:
                pairs[pair] += sign * times
                where[pair].add(index)

    for index in range(len(cut)):
        count(index, 1)
    out: list[tuple[str, str]] = []
    while len(out) < most:
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        out.append(best)
        for index in where.pop(best):
            count(index, -1)
            _join(cut[index][0], best)
            count(index, 1)
        del pairs[best]
    return out


def _join(parts: list[str | None], pair: tuple[str, str]) -> None:
    i = 0
    while i + 1 < len(parts):
        if parts[i] == pair[0] and parts[i + 1] == pair[1]:
            parts[i : i + 2] = [pair[0] + pair[1]]
        i += 1


def unigram(counts: Counter[str], most: int) -> list[tuple[str, float]]:
    """The most frequent parts of words, up to five characters, with the logarithm of how frequent they are."""
    parts: Counter[str] = Counter()
    for word, count in counts.items():
        for start in range(len(word)):
            for end in range(start + 1, min(start + 5, len(word)) + 1):
                parts[word[start:end]] += count
    total = sum(parts.values())
    best = sorted(parts, key=lambda part: (-parts[part] * len(part), part))[:most]
    return [(part, round(math.log(parts[part] / total), 4)) for part in best]

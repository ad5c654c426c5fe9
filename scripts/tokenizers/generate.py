"""Generates the golden data of the tokenizer tests: descriptions, texts, and what the reference makes of them.

    python3 scripts/tokenizers/generate.py --out tests/data/tokenizers --seed 0

Needs tokenizers and transformers (no torch). What is written is a hash for each text, so that the data stay small;

    python3 scripts/tokenizers/generate.py --show llama-3 17

prints the reference's ids and texts behind one of them.
"""

import argparse
import gzip
import json
import platform
import zlib
from pathlib import Path

import tokenizers
import transformers
from tokenizers import Tokenizer

import descriptions
import files
from texts import texts

TEXTS = 2000
CORPUS = 800


class Numbers:
    """The whole numbers that the tests draw from the same seed."""

    def __init__(self, seed: int):
        self._state = seed

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        self._state = (self._state * 1664525 + 1013904223) % 2**32
        return self._state * limit >> 32


def random_ids(index: int, size: int) -> list[int]:
    """Ids that no text has: broken characters, special tokens anywhere, ids without a token."""
    draw = Numbers(index)
    few = [draw.below(size + 5) for _ in range(3 if index % 3 == 0 else 40)]
    return [few[draw.below(len(few))] for _ in range(draw.below(40))]


def expected(tokenizer: Tokenizer, text: str, index: int, end: int | None = None) -> list:
    """What is compared: ids with and without special tokens, and decoded text of these and of random ids, up to `end`."""
    ids = tokenizer.encode(text).ids
    other = random_ids(index, end or size(tokenizer))
    decoded = [tokenizer.decode(some, skip_special_tokens=skip) for some in (ids, other) for skip in (True, False)]
    return [ids, tokenizer.encode(text, add_special_tokens=False).ids, *decoded]


def size(tokenizer: Tokenizer) -> int:
    """One more than the largest id."""
    return max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1


def digest(value) -> bytes:
    """A hash of a value's JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return zlib.crc32(text.encode()).to_bytes(4, "little")


def block_text(block: int) -> str:
    """256 code points, each alone, after and before letters and digits, and twice."""
    points = [chr(point) for point in range(block * 256, block * 256 + 256) if not 0xD800 <= point < 0xE000]
    return "".join(f" {c} a{c}b1{c}1 {c}{c}\n" for c in points)


def compress(path: Path, value) -> None:
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    path.write_bytes(gzip.compress(data, 9, mtime=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("tests/data/tokenizers"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", nargs=2, metavar=("NAME", "INDEX"))
    args = parser.parse_args()
    if args.show:
        name, index = args.show[0], int(args.show[1])
        stored = json.loads(gzip.decompress((args.out / "tokenizers.json.gz").read_bytes()))
        text = json.loads(gzip.decompress((args.out / "texts.json.gz").read_bytes()))[index]
        print(json.dumps(expected(Tokenizer.from_str(json.dumps(stored[name])), text, index), ensure_ascii=False))
        return
    args.out.mkdir(parents=True, exist_ok=True)
    corpus = texts(args.seed + 1, CORPUS, added=False)
    tried = texts(args.seed, TEXTS, added=True)
    all_texts, all_points, built = bytearray(), bytearray(), {}
    for name in descriptions.NAMES:
        tokenizer = descriptions.build(name, corpus)
        built[name] = json.loads(tokenizer.to_str())
        for index, text in enumerate(tried):
            all_texts += digest(expected(tokenizer, text, index))
        if name in descriptions.CODE_POINTS:
            for block in range(0x1100):
                all_points += digest(tokenizer.encode(block_text(block), add_special_tokens=False).ids)
        print(name, size(tokenizer), flush=True)
    compress(args.out / "tokenizers.json.gz", built)
    compress(args.out / "texts.json.gz", tried)
    compress(args.out / "files.json.gz", files.cases(built["llama-3"], tried[:200:7]))
    (args.out / "texts.bin").write_bytes(all_texts)
    (args.out / "code_points.bin").write_bytes(all_points)
    about = {
        "generator": "scripts/tokenizers/generate.py",
        "seed": args.seed,
        "texts": TEXTS,
        "tokenizers": descriptions.NAMES,
        "codePoints": descriptions.CODE_POINTS,
        "versions": {"python": platform.python_version(), "tokenizers": tokenizers.__version__, "transformers": transformers.__version__},
    }
    (args.out / "about.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

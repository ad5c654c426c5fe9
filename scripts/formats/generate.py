"""Generates tests/data/formats: a small random checkpoint in every format, and the logits that it stands for.

    python3 scripts/formats/generate.py --out tests/data/formats

Needs numpy alone. `y.<layer>` is the product of a layer's dequantized weights with `x.<layer>`, rows that 8 bits
hold exactly, in float64. `logits` are those of the dequantized weights in float64, activations rounded to 8 bits
where the scheme says so.
"""

import argparse
import json
import shutil
import zlib
from pathlib import Path

import numpy as np

import llama
from cases import CASES, Case
from files import write_pickle, write_safetensors
from packers import plain
from rounding import e4m3_values, rows_e4m3

_TOKENS = 24
_ROWS = 3
_JOINED = {"qkv_proj": ("q_proj", "k_proj", "v_proj"), "gate_up_proj": ("gate_proj", "up_proj")}


def _write_json(path: Path, value) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _join(tensors: dict) -> dict:
    """Layers that read the same input as one: the last axis of all, the first of what has rows of outputs."""
    joined = dict(tensors)
    for together, parts in _JOINED.items():
        for first in [name for name in tensors if f".{parts[0]}." in name]:
            names = [first.replace(f".{parts[0]}.", f".{part}.") for part in parts]
            axis = 0 if tensors[first].dtype == np.int8 and first.endswith("qweight") else -1
            joined[first.replace(f".{parts[0]}.", f".{together}.")] = np.concatenate(
                [joined.pop(name) for name in names], axis
            )
    return joined


def exact_rows(rows, k: int, rng) -> np.ndarray:
    """Rows [_ROWS, k] that the activations of a scheme hold exactly: the largest magnitude of each has scale 1."""
    if rows is rows_e4m3:
        x = e4m3_values(rng.integers(0, 0x7F, (_ROWS, k))) * rng.choice([-1.0, 1.0], (_ROWS, k))
        x[:, 0] = 448
    else:
        x = rng.integers(-127, 128, (_ROWS, k)).astype(np.float64)
        x[:, 0] = 127
    return x


def generate(case: Case, root: Path) -> None:
    """Writes one folder."""
    folder = root / case.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(zlib.crc32(case.name.encode()))
    draw = rng.standard_normal
    embedding = (1.2 * draw((llama.VOCAB, case.hidden)) * case.hidden**-0.5).astype(np.float16)
    norms = llama.norms(case.hidden, draw)
    tensors: dict = {"model.embed_tokens.weight": embedding, **norms}
    shapes = llama.shapes(case.hidden, case.intermediate)
    if case.lm_head:
        shapes["lm_head"] = (llama.VOCAB, case.hidden)
    layers = {}
    for name, (n, k) in shapes.items():
        # Outputs of different sizes and no mean of zero: scales and zero points in wrong places show.
        weight = (draw((n, k)) + 0.2) * k**-0.5 * rng.uniform(0.5, 1.5, (n, 1))
        last = name.rpartition(".")[2]
        parts, stands, rows = case.pack.get(last, case.pack[""])(weight)
        layers[name] = stands, rows
        tensors.update({f"{name}.{part}": tensor for part, tensor in parts.items()})
    if not case.lm_head:
        layers["lm_head"] = plain(embedding.astype(np.float64))[1:]

    def linear(name: str, x: np.ndarray) -> np.ndarray:
        stands, rows = layers[name]
        return rows(x) @ stands.T

    golden: dict = {}
    for name, (stands, rows) in layers.items():
        golden[f"x.{name}"] = x = exact_rows(rows, stands.shape[1], rng).astype(np.float32)
        golden[f"y.{name}"] = (x.astype(np.float64) @ stands.T).astype(np.float32)
    tokens = rng.integers(3, llama.VOCAB, _TOKENS)
    logits = llama.logits(tokens, embedding, norms, linear)
    config = llama.config(case.hidden, case.intermediate, not case.lm_head)
    if case.quantization is not None and case.config_file == "config.json":
        config["quantization_config"] = case.quantization
    _write_json(folder / "config.json", config)
    if case.quantization is not None and case.config_file != "config.json":
        _write_json(folder / case.config_file, case.quantization)
    write = write_safetensors if case.file.endswith(".safetensors") else write_pickle
    write(folder / case.file, _join(tensors) if case.joined else tensors)
    golden |= {"tokens": tokens.astype(np.int32), "logits": logits.astype(np.float32)}
    write_safetensors(folder / "golden.safetensors", golden)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{case.name}: {size / 1e3:.0f} kB, deviation of logits {logits.std():.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    for case in CASES:
        generate(case, Path(args.out))


if __name__ == "__main__":
    main()

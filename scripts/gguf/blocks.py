"""Matrices in GGUF's types: really quantized where the `gguf` package can, else blocks of random bytes."""

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import quants

PLAIN = {"F32": np.float32, "F16": np.float16}


def f16_bytes(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float16).view(np.uint8).reshape(*values.shape, 2)


def scales_and_mins(scales: np.ndarray, mins: np.ndarray) -> np.ndarray:
    """Eight 6-bit scales and eight 6-bit minima a block, in 12 bytes."""
    out = np.zeros((len(scales), 12), np.uint8)
    low, high = scales[:, :4], scales[:, 4:]
    low_min, high_min = mins[:, :4], mins[:, 4:]
    out[:, 0:4] = low | ((high >> 4) << 6)
    out[:, 4:8] = low_min | ((high_min >> 4) << 6)
    out[:, 8:12] = (high & 15) | ((high_min & 15) << 4)
    return out


def random_blocks(kind: str, blocks: int, std: float, rng: np.random.Generator) -> np.ndarray:
    """Blocks of a K type whose elements spread about `std` around 0. uint8 [blocks, bytes]."""

    def bytes_of(count: int) -> np.ndarray:
        return rng.integers(0, 256, (blocks, count), np.uint8)

    if kind == "Q6_K":
        scales = rng.integers(4, 41, (blocks, 16)) * rng.choice([-1, 1], (blocks, 16))
        d = std / (22 * 18.5) * rng.uniform(0.5, 1.5, blocks)
        parts = [bytes_of(128), bytes_of(64), scales.astype(np.int8).view(np.uint8), f16_bytes(d)]
        return np.concatenate(parts, axis=1)
    levels = 32 if kind == "Q5_K" else 16
    middle = (levels - 1) / 2
    scales = rng.integers(8, 60, (blocks, 8)).astype(np.uint8)
    # Minima near what puts a sub-block around 0, so that the model's numbers stay in range.
    mins = np.clip(scales.astype(int) + rng.integers(-4, 5, (blocks, 8)), 0, 63).astype(np.uint8)
    d = std / (34 * levels / np.sqrt(12)) * rng.uniform(0.5, 1.5, blocks)
    parts = [f16_bytes(d), f16_bytes(d * middle), scales_and_mins(scales, mins)]
    if kind == "Q5_K":
        parts.append(bytes_of(32))
    parts.append(bytes_of(128))
    return np.concatenate(parts, axis=1)


def stored(kind: str, weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What the file holds for `weight` [n, k]: an array that the writer takes with `raw_dtype`."""
    if kind in PLAIN:
        return weight.astype(PLAIN[kind])
    if kind.endswith("_K"):
        n, k = weight.shape
        blocks = random_blocks(kind, n * k // 256, float(weight.std()), rng)
        return blocks.reshape(n, -1)
    return quants.quantize(weight.astype(np.float32), Type[kind])


def dequantized(kind: str, data: np.ndarray) -> np.ndarray:
    """The f32 that `data` stands for."""
    if kind in PLAIN:
        return data.astype(np.float32)
    return quants.dequantize(data, Type[kind]).astype(np.float32)

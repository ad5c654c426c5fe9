"""Quantizing by rounding to nearest: what packers pack, and what 8-bit activations are."""

import numpy as np


def fit(weight: np.ndarray, group: int, low: int, high: int, symmetric: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scales f16 and zero points of weight [n, k], both [n, groups]; values q - z lie in low..high where symmetric."""
    n, k = weight.shape
    parts = weight.reshape(n, k // group, group)
    if symmetric:
        scale = np.abs(parts).max(-1) / min(-low, high)
        return scale.astype(np.float16), np.full(scale.shape, -low)
    least, most = np.minimum(parts.min(-1), 0), np.maximum(parts.max(-1), 0)
    scale = ((most - least) / (high - low)).astype(np.float16)
    return scale, np.clip(np.rint(-least / scale), 0, high - low).astype(np.int64)


def codes(weight: np.ndarray, scale: np.ndarray, zero: np.ndarray, top: int) -> np.ndarray:
    """Unsigned codes 0..top of weight [n, k], with scales and zero points [n, groups]."""
    group = weight.shape[1] // scale.shape[1]
    s, z = (np.repeat(x.astype(np.float64), group, axis=1) for x in (scale, zero))
    return np.clip(np.rint(weight / s) + z, 0, top).astype(np.int64)


def dequantize(q: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """f64 [n, k] from codes, scales and zero points."""
    group = q.shape[1] // scale.shape[1]
    s, z = (np.repeat(x.astype(np.float64), group, axis=1) for x in (scale, zero))
    return (q - z) * s


_E4M3 = np.array(
    [(m * 2.0**-9 if e == 0 else (8 + m) * 2.0 ** (e - 10)) for e in range(16) for m in range(8)][:-1]
)


def e4m3_bits(values: np.ndarray) -> np.ndarray:
    """The bytes of the nearest e4m3 numbers, ties to even."""
    size = np.minimum(np.abs(values), 448.0)
    above = np.searchsorted(_E4M3, size)
    below = np.maximum(above - 1, 0)
    down, up = size - _E4M3[below], _E4M3[above] - size
    nearest = np.where((down < up) | ((down == up) & (below % 2 == 0)), below, above)
    return (nearest + 128 * np.signbit(values)).astype(np.uint8)


def e4m3_values(bits: np.ndarray) -> np.ndarray:
    """The numbers of e4m3 bytes."""
    return np.where(bits >= 128, -1, 1) * _E4M3[bits & 127]


def rows_i8(x: np.ndarray) -> np.ndarray:
    """x as a row's 8-bit integers stand for it."""
    scale = np.abs(x).max(-1, keepdims=True) / 127
    return np.rint(x / scale) * scale


def rows_e4m3(x: np.ndarray) -> np.ndarray:
    """x as a row's e4m3 numbers stand for it."""
    scale = np.abs(x).max(-1, keepdims=True) / 448
    return e4m3_values(e4m3_bits(x / scale)) * scale


def rows_16(x: np.ndarray) -> np.ndarray:
    """x as 16-bit activations stand for it: near enough as it is."""
    return x

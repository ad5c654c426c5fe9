"""Linear layers in the layouts of public tools, packed forward from their descriptions.

Each packer takes a weight f64 [n, k] and gives the tensors of the layer, by the end of their names, the f64 weight
that they stand for, and what happens to activations. Where the layouts are described: AutoGPTQ and GPTQModel
(qlinear), AutoAWQ awq/modules/linear/gemm.py, compressed-tensors compressors/pack_quantized,
HandH1998/QQQ gptq/qlinear/qlinear_marlin.py, mit-han-lab/omniserve w4a8_linear.py, IST-DASLab/marlin.
"""

import numpy as np

from files import Bits
from rounding import codes, dequantize, e4m3_bits, e4m3_values, fit, rows_16, rows_e4m3, rows_i8


def _words(values: np.ndarray, bits: int, axis: int) -> np.ndarray:
    """i32: neighbours along `axis` in one word, the first in the lowest bits."""
    each = 32 // bits
    moved = np.moveaxis(values, axis, -1).astype(np.uint64)
    padded = np.pad(moved, [(0, 0)] * (moved.ndim - 1) + [(0, -moved.shape[-1] % each)])
    parts = padded.reshape(*moved.shape[:-1], -1, each)
    words = sum(parts[..., i] << np.uint64(bits * i) for i in range(each)).astype(np.uint32)
    return np.ascontiguousarray(np.moveaxis(words, -1, axis)).view(np.int32)


def gptq(group: int, bits: int = 4, symmetric: bool = True, version: str = "gptq", order=None):
    """GPTQ; `order` permutes a row's inputs before groups are cut (act-order), the same for all layers of k inputs."""

    def pack(weight: np.ndarray):
        n, k = weight.shape
        size = k if group == -1 else group
        half = 1 << (bits - 1)
        index = np.arange(k) // size
        permutation = np.arange(k) if order is None else order(k)
        sorted_weight = weight[:, permutation]
        scale, zero = fit(sorted_weight, size, -half, half - 1, symmetric)
        q = codes(sorted_weight, scale, zero, 2 * half - 1)
        back = np.argsort(permutation)
        stored = (zero - (version == "gptq")) & (2 * half - 1)
        return {
            "qweight": _words(q[:, back].T, bits, 0),
            "qzeros": _words(stored.T, bits, -1),
            "scales": np.ascontiguousarray(scale.T),
            "g_idx": index[back].astype(np.int32),
        }, dequantize(q, scale, zero)[:, back], rows_16

    return pack


def awq(group: int):
    """AWQ, version GEMM."""
    places = np.array([0, 2, 4, 6, 1, 3, 5, 7])

    def interleaved(values: np.ndarray) -> np.ndarray:
        rows, columns = values.shape
        return _words(values.reshape(rows, columns // 8, 8)[:, :, places].reshape(rows, columns), 4, -1)

    def pack(weight: np.ndarray):
        size = weight.shape[1] if group == -1 else group
        scale, zero = fit(weight, size, 0, 15, False)
        q = codes(weight, scale, zero, 15)
        return {
            "qweight": interleaved(q.T),
            "qzeros": interleaved(zero.T),
            "scales": np.ascontiguousarray(scale.T),
        }, dequantize(q, scale, zero), rows_16

    return pack


def _bf16(values: np.ndarray) -> tuple[Bits, np.ndarray]:
    """Values rounded to bf16, as bits and as numbers."""
    bits = values.astype(np.float32).view(np.uint32).astype(np.uint64)
    half = ((bits + 0x7FFF + ((bits >> np.uint64(16)) & np.uint64(1))) >> np.uint64(16)).astype(np.uint16)
    return Bits("BF16", half), (half.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def compressed(group: int, bits: int = 4, symmetric: bool = True, order=None, bf16: bool = False):
    """compressed-tensors, pack-quantized."""

    def pack(weight: np.ndarray):
        n, k = weight.shape
        size = k if group == -1 else group
        half = 1 << (bits - 1)
        permutation = np.arange(k) if order is None else order(k)
        sorted_weight = weight[:, permutation]
        scale, zero = fit(sorted_weight, size, -half, half - 1, symmetric)
        stored_scale, scale = _bf16(scale) if bf16 else (scale, scale)
        q = codes(sorted_weight, scale, zero, 2 * half - 1)
        back = np.argsort(permutation)
        tensors = {
            "weight_packed": _words(q[:, back], bits, -1),
            "weight_scale": stored_scale,
            "weight_shape": np.array([n, k], dtype=np.int64),
        }
        if not symmetric:
            tensors["weight_zero_point"] = _words(zero, bits, 0)
        if order is not None:
            tensors["weight_g_idx"] = (np.arange(k) // size)[back].astype(np.int32)
        return tensors, dequantize(q, scale, zero)[:, back], rows_16

    return pack


def int_quantized(weight: np.ndarray):
    """compressed-tensors, 8-bit integers."""
    scale = (np.abs(weight).max(1, keepdims=True) / 127).astype(np.float16)
    q = np.clip(np.rint(weight / scale.astype(np.float64)), -128, 127)
    return {"weight": q.astype(np.int8), "weight_scale": scale}, q * scale.astype(np.float64), rows_i8


def float_quantized(weight: np.ndarray):
    """compressed-tensors, e4m3."""
    stored, scale = _bf16(np.abs(weight).max(1, keepdims=True) / 448)
    bits = e4m3_bits(weight / scale)
    return {"weight": Bits("F8_E4M3", bits), "weight_scale": stored}, e4m3_values(bits) * scale, rows_e4m3


_SCALE_PERM = np.array([i + 8 * j for i in range(8) for j in range(8)])
_SCALE_PERM_SINGLE = np.array([2 * i + j for i in range(4) for j in [0, 1, 8, 9, 16, 17, 24, 25]])


def _permuted(values: np.ndarray, permutation: np.ndarray) -> np.ndarray:
    """Each run of as many neighbours along the last axis, permuted."""
    return values.reshape(-1, len(permutation))[:, permutation].reshape(values.shape)


def _tiles(q: np.ndarray, rows, interleave: list[int]) -> np.ndarray:
    """i32 [k/16, 2 n] of q [n, k]: 16 x 16 tiles, a warp's threads take the rows `rows(thread % 4)` of two columns."""
    n, k = q.shape
    order = []
    for thread in range(32):
        taken = [16 * row + thread // 4 + 8 * block for block in (0, 1) for row in rows(thread % 4)]
        for tile in range(4):
            order += [taken[i] + 256 * tile for i in interleave]
    tiles = q.T.reshape(k // 16, 16, n // 16, 16).transpose(0, 2, 1, 3).reshape(k // 16, 16 * n)
    return _words(_permuted(tiles, np.array(order)) & 15, 4, -1)


def marlin(group: int):
    """The order of Marlin's W4A16 kernels."""

    def rows(i: int) -> list[int]:
        return [2 * i, 2 * i + 1, 2 * i + 8, 2 * i + 9]

    def pack(weight: np.ndarray):
        size = weight.shape[1] if group == -1 else group
        scale, zero = fit(weight, size, -8, 7, True)
        q = codes(weight, scale, zero, 15)
        permutation = _SCALE_PERM if size < weight.shape[1] else _SCALE_PERM_SINGLE
        return {
            "qweight": _tiles(q, rows, [0, 2, 4, 6, 1, 3, 5, 7]),
            "scales": _permuted(np.ascontiguousarray(scale.T), permutation),
        }, dequantize(q, scale, zero), rows_16

    return pack


def qqq(group: int):
    """QQQ; layers of one group are stored per channel."""

    def rows(i: int) -> list[int]:
        return [4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3]

    def per_channel(weight: np.ndarray):
        scale = (np.abs(weight).max(1, keepdims=True) / 7).astype(np.float32)
        q = np.clip(np.rint(weight / scale), -7, 7).astype(np.int64)
        return {
            "B": _tiles(q, rows, [4, 0, 5, 1, 6, 2, 7, 3]),
            "s_channel": _permuted(scale.T / np.float32(16), _SCALE_PERM_SINGLE).astype(np.float32),
        }, q * scale.astype(np.float64), rows_i8

    def pack(weight: np.ndarray):
        n, k = weight.shape
        if group in (-1, k):
            return per_channel(weight)
        scale, zero = fit(weight, group, -8, 7, True)
        channel = (np.abs(weight).max(1, keepdims=True) / 127).astype(np.float32)
        q = codes(weight, scale, zero, 15)
        relative = (scale.astype(np.float64) / channel).astype(np.float16)
        each = np.repeat(relative.astype(np.float64), group, axis=1)
        first = np.clip(np.rint((q - 8) * each), -128, 127)
        return {
            "B": _tiles(q, rows, [0, 2, 4, 6, 1, 3, 5, 7]),
            "s_channel": _permuted(channel.T, _SCALE_PERM_SINGLE),
            "s_group": _permuted(np.ascontiguousarray(relative.T), _SCALE_PERM),
        }, first * channel.astype(np.float64), rows_i8

    return pack


def _qserve_tiles(q: np.ndarray) -> np.ndarray:
    """i8 [n, k/2] of q [n, k]: tiles of 32 x 32 in the order of QServe's kernels."""
    n, k = q.shape
    view = q.reshape(n // 32, 2, 2, 8, k // 32, 2, 4, 4)
    lanes = view.transpose(0, 4, 3, 6, 5, 2, 7, 1)
    return (lanes[..., 0] | lanes[..., 1] << 4).astype(np.uint8).view(np.int8).reshape(n, k // 2)


def qoq(group: int):
    """QoQ for QServe's kernels."""

    def per_channel(weight: np.ndarray):
        scale, zero = fit(weight, weight.shape[1], 0, 15, False)
        q = codes(weight, scale, zero, 15)
        scaled = (zero * scale.astype(np.float64)).astype(np.float16)[:, 0]
        stands = q * scale.astype(np.float64) - scaled.astype(np.float64)[:, None]
        return {"qweight": _qserve_tiles(q), "s1_scales": scale[:, 0], "s1_szeros": scaled}, stands, rows_i8

    def pack(weight: np.ndarray):
        if group == -1:
            return per_channel(weight)
        n, k = weight.shape
        # The first level leaves room, so that the second never passes 8 bits.
        scale = (np.abs(weight).max(1, keepdims=True) / 119).astype(np.float16)
        first = np.clip(np.rint(weight / scale.astype(np.float64)), -119, 119)
        parts = first.reshape(n, k // group, group)
        least, most = np.minimum(parts.min(-1), 0), np.maximum(parts.max(-1), 0)
        second = np.maximum(np.rint((most - least) / 15), 1)
        zero = np.clip(np.rint(-least / second), 0, 15)
        q = codes(first, second, zero, 15)
        stands = dequantize(q, second, zero)
        assert np.abs(stands).max() < 128

        def lanes(values: np.ndarray) -> np.ndarray:
            groups = np.ascontiguousarray(values.T)
            return groups.reshape(-1, n // 32, 4, 8).transpose(0, 1, 3, 2).reshape(k // group, n)

        return {
            "qweight": _qserve_tiles(q),
            "s1_scales": scale[:, 0],
            "s2_scales": lanes(second).astype(np.int8),
            "s2_zeros": (-lanes(second * zero)).astype(np.int64).astype(np.int8),
        }, stands * scale.astype(np.float64), rows_i8

    return pack


def qserve8(weight: np.ndarray):
    """8-bit weights for QServe's kernels."""
    tensors, stands, rows = int_quantized(weight)
    return {"weight": tensors["weight"], "dequant_scale": tensors["weight_scale"][:, 0]}, stands, rows


def plain(weight: np.ndarray):
    """f16."""
    stored = weight.astype(np.float16)
    return {"weight": stored}, stored.astype(np.float64), rows_16

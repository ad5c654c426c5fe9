// The packed layout of four-bit weights: units of 256 outputs x 128 inputs, contiguous, so that one
// bulk copy brings all that a stage of a kernel needs. Units lie tile by tile (256 outputs), inputs
// ascending within a tile. A unit is 16 KiB of nibbles q and behind them its scales, f16
// [scale rows][256], as many rows as the unit can meet groups; where zero points are not all 8, they follow, u8
// [scale rows][256]. Where there are offsets, each lies behind its scale: f16 [scale rows][256][2]. What lies outside
// n x k is padded: q = 8, zero point 8, scale and offset 0, a weight of zero.
//
// Nibbles lie as mma.m16n8k16 wants its operand A. Half a unit (128 outputs) belongs to four warps of
// 32 outputs; lane 4 g + t of a warp holds four neighbouring outputs 4 g + {0, 1, 2, 3}, which are rows
// g and g + 8 of a first and of a second 16-row operand. One 32-bit word is one lane's share of one
// operand (16 inputs): nibble r + 2 h is (row g + 8 r, input 2 t + 8 h), nibble r + 2 h + 4 the same
// row's next input. Four words of successive 16 inputs make the 16 bytes that a lane reads at once.
#pragma once

#include <cstdint>

#include "specmquant.h"

namespace smq {
namespace w4a16 {

constexpr int kTile = 256;   // outputs of a unit
constexpr int kBlock = 128;  // inputs of a unit
constexpr int kNibbleBytes = kTile * kBlock / 2;

__host__ __device__ constexpr int32_t greatest_divisor(int32_t a, int32_t b) {
  return b == 0 ? a : greatest_divisor(b, a % b);
}

// Inputs that share a scale row: every group of a unit starts at a multiple of it.
__host__ __device__ inline int32_t grain(int32_t k, int32_t group) {
  return group >= k ? kBlock : greatest_divisor(group, kBlock);
}

// With offsets there are two grains only, so that kernels are few: GGUF's groups have 32 inputs.
__host__ __device__ inline int32_t grain(int32_t k, int32_t group, int32_t zeros) {
  const int32_t inputs = grain(k, group);
  return zeros != SMQ_ZEROS_OFFSETS ? inputs : inputs < 32 ? 8 : 32;
}

// Bytes of a unit; zeros: SMQ_ZEROS_*.
__host__ __device__ constexpr int32_t unit_bytes(int32_t grain, int32_t zeros) {
  return kNibbleBytes +
         kBlock / grain * kTile * (zeros == SMQ_ZEROS_OFFSETS ? 4 : zeros == SMQ_ZEROS_POINTS ? 3 : 2);
}

// The shape of a packed weight.
struct Layout {
  int32_t n, k, group;
  int32_t tiles, blocks;  // units: tiles x blocks
  int32_t grain;          // 8, 16, 32, 64 or 128 inputs; with offsets 8 or 32
  int32_t unit_bytes;
  int32_t zeros;          // SMQ_ZEROS_*

  __host__ __device__ Layout(int32_t n, int32_t k, int32_t group, int32_t zeros)
      : n(n), k(k), group(group), tiles((n + kTile - 1) / kTile), blocks((k + kBlock - 1) / kBlock),
        grain(w4a16::grain(k, group, zeros)),
        unit_bytes(w4a16::unit_bytes(w4a16::grain(k, group, zeros), zeros)), zeros(zeros) {}

  __host__ __device__ int64_t bytes() const { return int64_t(tiles) * blocks * unit_bytes; }

  // Byte offset of the unit that holds (output, input).
  __host__ __device__ int64_t unit(int32_t output, int32_t input) const {
    return (int64_t(output / kTile) * blocks + input / kBlock) * unit_bytes;
  }

  // Byte offset of the scale (f16) of (output, input); its offset, if any, is the next f16.
  __host__ __device__ int64_t scale(int32_t output, int32_t input) const {
    return unit(output, input) + kNibbleBytes +
           (input % kBlock / grain * kTile + output % kTile) * (zeros == SMQ_ZEROS_OFFSETS ? 4 : 2);
  }
  // Of its zero point (u8).
  __host__ __device__ int64_t zero(int32_t output, int32_t input) const {
    return unit(output, input) + w4a16::unit_bytes(grain, SMQ_ZEROS_NONE) + input % kBlock / grain * kTile +
           output % kTile;
  }
};

// Of the 16 bytes that a lane reads at once, the word of 16 inputs.
__device__ __forceinline__ uint32_t word_of(const uint4& words, int i) {
  return i == 0 ? words.x : i == 1 ? words.y : i == 2 ? words.z : words.w;
}

// Where the nibble of (output, input) lies in its unit: the 32-bit word and the nibble of it.
struct Place {
  int32_t word, nibble;
};

__host__ __device__ inline Place place(int32_t output, int32_t input) {
  const int32_t o = output % kTile, i = input % kBlock;
  const int32_t half = o / 128, warp = o / 32 % 4, g = o / 4 % 8, operand = o / 2 % 2, r = o % 2;
  const int32_t step = i / 16, h = i / 8 % 2, t = i / 2 % 4, odd = i % 2;
  const int32_t lane = 4 * g + t;
  return {(((half * 2 + operand) * 2 + step / 4) * 128 + warp * 32 + lane) * 4 + step % 4,
          r + 2 * h + 4 * odd};
}

}  // namespace w4a16
}  // namespace smq

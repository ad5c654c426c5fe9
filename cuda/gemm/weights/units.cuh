// The packed layouts of weights that the s8 instructions read, and of those widened to f16 from the same order.
//
// Units of 256 outputs x 128 inputs, contiguous, so that one bulk copy brings all that a stage of a kernel
// needs. Units lie tile by tile (256 outputs), inputs ascending within a tile; behind all of them lie, f32 for
// every output of every tile, the scales s_n and, for four bits without groups, the offsets c_n, with groups a
// byte for every output, what its weights need (see below). What lies outside n x k is padded with weights,
// scales and offsets of zero, which need nothing.
//
// Elements lie as mma.m16n8k32 wants its operand A. Half a unit (128 outputs) belongs to four warps of 32
// outputs; lane 4 g + t of a warp holds four neighbouring outputs 4 g + {0, 1, 2, 3}, which are rows g and g + 8
// of a first and of a second 16-row operand (`Order::kFours` of split.cuh). A lane's share of one operand (32
// inputs) is four words: word r + 2 h is row g + 8 r, inputs 16 h + 4 t + {0, 1, 2, 3}.
//   Eight bits: the four words as they are, 16 bytes.
//   Eight bits in groups: the same with other inputs in a word, 16 h + 2 t + {0, 1, 8, 9}, as instructions for 16-bit
//   operands want them, so that rows are read as they lie. Behind the bytes of a unit lie their scales, f16
//   [groups][256], or where there are offsets, each behind its scale, [groups][256][2]; none lie behind the units.
//   Four bits: of two words r = 0 and 1, the first lies in the low nibbles of each byte of one word, the second in
//   the high ones: 8 bytes, and 16 bytes for two operands of successive inputs. Behind the nibbles of a unit lie
//   its groups' scales, f16 [rows][256], and zero points, u8 [rows][256], as many rows as it can meet groups.
#pragma once

#include <cstdint>

#include "gemm/weights/w4a16_layout.cuh"

namespace smq {
namespace units {

constexpr int kTile = 256;   // outputs of a unit
constexpr int kBlock = 128;  // inputs of a unit
constexpr int kByteUnit = kTile * kBlock, kNibbleUnit = kByteUnit / 2;
constexpr int kGroupRow = kTile * 3;  // bytes of a row of scales and one of zero points

// What some weight (q - z) s of an output needs to become an i8: packing has looked at all of them.
enum Need : uint32_t {
  kNeedsClamp = 1,     // it is rounded to a number outside of -128 to 127, or is none
  kNeedsRounding = 2,  // its s is no integer of at most kMostInteger
};
constexpr int kMostInteger = 500;

// Inputs that share a row of scales: every group of a unit starts at a multiple of it. 0 without groups.
__host__ __device__ inline int32_t grain(int32_t k, int32_t group) {
  static_assert(kBlock == w4a16::kBlock, "groups are cut as those of W4A16");
  return group == 0 ? 0 : w4a16::grain(k, group);
}

// The shape of a packed weight.
struct Layout {
  int32_t n, k;
  int32_t tiles, blocks;  // units: tiles x blocks
  int32_t grain;          // of four bits: 32, 64 or 128 inputs, or 0; of eight bits: 16, 32 or 0
  int32_t unit_bytes;
  bool has_offsets;
  bool scales_within;  // whether all scales lie in units, as those of eight bits in groups do

  __host__ __device__ int64_t unit(int32_t output, int32_t input) const {
    return (int64_t(output / kTile) * blocks + input / kBlock) * unit_bytes;
  }
  // Byte offsets of the f32 of an output.
  __host__ __device__ int64_t scale(int32_t output) const {
    return int64_t(tiles) * blocks * unit_bytes + int64_t(output) * 4;
  }
  __host__ __device__ int64_t offset(int32_t output) const {
    return scale(output) + int64_t(tiles) * kTile * 4;
  }
  // Byte offsets, in a unit, of the scale (f16) and zero point (u8) of (output, input).
  __host__ __device__ int32_t group_scale(int32_t output, int32_t input) const {
    return kNibbleUnit + input % kBlock / grain * (kTile * 2) + output % kTile * 2;
  }
  __host__ __device__ int32_t group_zero(int32_t output, int32_t input) const {
    return kNibbleUnit + kBlock / grain * (kTile * 2) + input % kBlock / grain * kTile + output % kTile;
  }
  // Of eight bits in groups: that of the scale of (output, input); its offset, if any, is the next f16.
  __host__ __device__ int32_t byte_group_scale(int32_t output, int32_t input) const {
    return kByteUnit + (input % kBlock / grain * kTile + output % kTile) * (has_offsets ? 4 : 2);
  }
  // Of what an output needs (u8), with groups: there are no offsets then.
  __host__ __device__ int64_t needs(int32_t output) const { return scale(tiles * kTile) + output; }
  __host__ __device__ int64_t bytes() const {
    if (scales_within) return scale(0);
    return has_offsets ? offset(tiles * kTile) : grain > 0 ? needs(tiles * kTile) : scale(tiles * kTile);
  }
};

// Bytes of a unit of eight bits in groups.
__host__ __device__ constexpr int32_t byte_group_unit(int32_t group, bool offsets) {
  return kByteUnit + kBlock / group * kTile * (offsets ? 4 : 2);
}

inline Layout layout(int32_t n, int32_t k, int32_t unit_bytes, int32_t grain, bool has_offsets,
                     bool scales_within = false) {
  return {n,     k,          (n + kTile - 1) / kTile, (k + kBlock - 1) / kBlock,
          grain, unit_bytes, has_offsets,             scales_within};
}
inline Layout byte_groups_layout(int32_t n, int32_t k, int32_t group, bool offsets) {
  return layout(n, k, byte_group_unit(group, offsets), group, offsets, true);
}
inline Layout bytes_layout(int32_t n, int32_t k) { return layout(n, k, kByteUnit, 0, false); }
inline Layout nibbles_layout(int32_t n, int32_t k, int32_t group) {
  const int32_t inputs = grain(k, group);
  const int32_t rows = inputs == 0 ? 0 : kBlock / inputs;
  return layout(n, k, kNibbleUnit + rows * kGroupRow, inputs, group == 0);
}

// Where the four inputs from `input` (a multiple of 4) of an output lie in its unit.
struct Place {
  int32_t operand;  // (half * 2 + operand of the warp) * 4 + step of 32 inputs
  int32_t thread;   // of the four warps
  int32_t r, h;

  __host__ __device__ Place(int32_t output, int32_t input) {
    const int32_t o = output % kTile, i = input % kBlock;
    operand = (o / 128 * 2 + o / 2 % 2) * 4 + i / 32;
    thread = o / 32 % 4 * 32 + o / 4 % 8 * 4 + i / 4 % 4;
    r = o % 2;
    h = i / 16 % 2;
  }
  // Byte offsets of their word: of eight bits, and of four, in nibbles r of its bytes.
  __host__ __device__ int32_t byte_word() const { return (operand * 128 + thread) * 16 + (r + 2 * h) * 4; }
  __host__ __device__ int32_t nibble_word() const {
    return (operand / 2 * 128 + thread) * 16 + operand % 2 * 8 + h * 4;
  }
};

// Of eight bits in groups: the byte offset of (output, input). Behind an even input's byte lies the next one's.
__host__ __device__ inline int32_t grouped_byte(int32_t output, int32_t input) {
  const int32_t i = input % kBlock;
  const Place place(output, i / 16 * 16 + i / 2 % 4 * 4);
  return place.byte_word() + i / 8 % 2 * 2 + i % 2;
}

}  // namespace units
}  // namespace smq

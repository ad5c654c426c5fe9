// The arithmetic of a chunk of 64 pairs: what it gives for a tile of 16 query rows. Kernels take their operands
// from different places, shared memory and the cache itself, a third with wgmma, and multiply and add in the same
// order, so that they give the same bits:
//   scores   16 inputs after 16 inputs;
//   weights  powers of two of the scores less the chunk's largest, rounded to the dtype;
//   sums     of the weights and of the values by them, 16 pairs after 16 pairs, from zero on.
// A lane is called 4 g + t throughout.
#pragma once

#include "gemm/rows_operand.cuh"
#include "ops/attention/attention_cut.cuh"
#include "ops/attention/attention_math.cuh"

namespace smq {

// Hides what a row does not see of the scores of pairs 8 n + 2 t, + 1 of rows g (first two) and g + 8.
template <int N>
__device__ __forceinline__ void hide_scores(float (&scores)[N][4], const int32_t (&first)[2], int32_t end) {
#pragma unroll
  for (int n = 0; n < N; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int place = 8 * n + 2 * int(threadIdx.x % 4) + i % 2;
      if (place < first[i / 2] || place >= end) scores[n][i] = kNone;
    }
  }
}

// The largest score of row g (r = 0) or g + 8, before it is scaled; scales are not negative.
template <int N>
__device__ __forceinline__ float largest(const float (&scores)[N][4], int r) {
  float top = kNone;
#pragma unroll
  for (int n = 0; n < N; ++n) top = larger(top, larger(scores[n][2 * r], scores[n][2 * r + 1]));
  top = larger(top, __shfl_xor_sync(~0u, top, 1));
  return larger(top, __shfl_xor_sync(~0u, top, 2));
}

// The weights of pairs 8 n + 2 t, + 1, packed, of row g, then of row g + 8; top: the rows' largest scores, scaled.
template <class T, int N>
__device__ __forceinline__ void weigh(uint32_t (&weights)[N][2], const float (&scores)[N][4], float scale,
                                      const float (&top)[2]) {
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const float from = top[r] == kNone ? 0.0f : -top[r];  // no score at all: weights of 2^-inf
#pragma unroll
    for (int n = 0; n < N; ++n) {
      weights[n][r] = HalfMath<T>::pack(exp2_fast(__fmaf_rn(scores[n][2 * r], scale, from)),
                                        exp2_fast(__fmaf_rn(scores[n][2 * r + 1], scale, from)));
    }
  }
}

// 16 bytes of a query, or zeros; turned round where the scale is negative, so that it need not be.
__device__ __forceinline__ uint4 load_query(const uint16_t* from, bool held, bool turned) {
  uint4 query = make_uint4(0, 0, 0, 0);
  if (held) query = *reinterpret_cast<const uint4*>(from);
  const uint32_t sign = turned ? 0x80008000 : 0;
  return make_uint4(query.x ^ sign, query.y ^ sign, query.z ^ sign, query.w ^ sign);
}

// A tile's weights as operands: of 16 pairs a step.
using Weights = uint32_t[kChunk / 16][4];

// The sums of the weights of rows g and g + 8.
template <class T>
__device__ __forceinline__ void sum_weights(Softmax (&softmax)[2], const Weights& weights) {
  float sums[4] = {};
#pragma unroll
  for (int s = 0; s < kChunk / 16; ++s) {
    HalfMath<T>::mma(sums, weights[s][0], weights[s][1], weights[s][2], weights[s][3], HalfMath<T>::kOnes,
                     HalfMath<T>::kOnes);
  }
  softmax[0].sum = sums[0];
  softmax[1].sum = sums[2];
}

// Eight outputs by the chunk's weights; values: those of 16 pairs a step, as operands.
template <class T>
__device__ __forceinline__ void weigh_values(float (&sums)[4], const Weights& weights,
                                             const uint32_t (&values)[kChunk / 16][2]) {
#pragma unroll
  for (int i = 0; i < 4; ++i) sums[i] = 0;
#pragma unroll
  for (int s = 0; s < kChunk / 16; ++s) {
    HalfMath<T>::mma(sums, weights[s][0], weights[s][1], weights[s][2], weights[s][3], values[s][0], values[s][1]);
  }
}

// ---- weights that several warps share, in shared memory ----------------------------------------

// 16 rows of 64 weights, 128 bytes a row.
constexpr int kWeightBytes = kTileRows * kChunk * 2;

// Keeps a warp's weights of the pairs from 8 n0 on.
template <int N>
__device__ __forceinline__ void keep_weights(uint8_t* to, const uint32_t (&weights)[N][2], int n0) {
  const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
#pragma unroll
  for (int n = 0; n < N; ++n) {
    uint8_t* const at = to + swizzled(g, n0 + n) + 4 * t;
    *reinterpret_cast<uint32_t*>(at) = weights[n][0];
    *reinterpret_cast<uint32_t*>(at + 8 * 128) = weights[n][1];
  }
}
__device__ __forceinline__ void load_weights(Weights& weights, const uint8_t* from) {
  const int lane = threadIdx.x % 32, row = lane % 16;
#pragma unroll
  for (int s = 0; s < kChunk / 16; ++s) {
    const uint32_t at = ptx::shared_address(from) + swizzled(row, 2 * s + lane / 16);
    ptx::load_matrix4(weights[s], at);
  }
}

// A barrier of the warps that share a tile; 0 is that of the block.
template <int Warps>
__device__ __forceinline__ void tile_barrier(int tile) {
  asm volatile("bar.sync %0, %1;" ::"r"(tile + 1), "n"(32 * Warps) : "memory");
}

// ---- keys, values and queries in shared memory ---------------------------------------------------

// Tiles of so many rows and 64 columns, 128 bytes a row, in the swizzle of Hopper's copy engine (swizzled() of
// gemm/rows_operand.cuh), the tiles of further columns behind.
constexpr int kTileRow = 128, kChunkTile = kChunk * kTileRow;

}  // namespace smq

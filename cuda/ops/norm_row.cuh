// RMS norm by chunks of 32 packs: a warp sums the squares of a chunk, and the sums of chunks are added in one
// order, wherever the chunks were.
#pragma once

#include "ops/elements.cuh"
#include "ops/reduce.cuh"

namespace smq {

constexpr int kNormWarps = 8;  // of a block with a row of its own

// The squares of a chunk, of which each lane has a pack, on each lane.
template <int Count>
__device__ __forceinline__ float chunk_squares(const Pack<float, Count>& x) {
  float squares = 0;
#pragma unroll
  for (int e = 0; e < Count; ++e) squares = fmaf(x.e[e], x.e[e], squares);
  return warp_sum(squares);
}

// The factor of a row's norm. mine: the sum over the chunks lane, lane + 32, ... in their order.
__device__ __forceinline__ float norm_scale(float mine, int32_t width, float eps) {
  return 1.0f / sqrtf(warp_sum(mine) / float(width) + eps);
}

template <class T, int Count>
__device__ __forceinline__ Pack<T, Count> scaled(const Pack<float, Count>& x, float scale,
                                                 const Pack<T, Count>& weight) {
  Pack<T, Count> result;
#pragma unroll
  for (int e = 0; e < Count; ++e) result.e[e] = narrow<T>(x.e[e] * scale * widen(weight.e[e]));
  return result;
}

// The first chunks of a warp stay in registers, so that a row of up to kNormWarps * kHeldChunks is read once.
constexpr int kHeldChunks = 8;

// The factor of a whole row's norm, by a block of kNormWarps warps that hold its first chunks. Chunks of one
// lane of norm_scale fall to one warp.
template <int Count>
__device__ __forceinline__ float row_scale(const Pack<float, Count> (&held)[kHeldChunks], const float* row,
                                           int32_t width, float eps) {
  constexpr int kHeld = kHeldChunks, kLanes = 32 / kNormWarps;  // lanes of norm_scale that are this warp's
  constexpr int kStep = kNormWarps * 32 * Count;
  __shared__ float shared[32];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int first = int(threadIdx.x) * Count;
  float sums[kLanes] = {};
#pragma unroll
  for (int h = 0; h < kHeld; ++h) sums[h % kLanes] += chunk_squares(held[h]);
  for (int h = kHeld; warp * 32 * Count + h * kStep < width; h += kLanes) {
#pragma unroll
    for (int l = 0; l < kLanes; ++l) {
      const int j = first + (h + l) * kStep;
      Pack<float, Count> x = {};
      if (j < width) x = load<float, Count>(row + j);
      sums[l] += chunk_squares(x);
    }
  }
  if (lane == 0) {
#pragma unroll
    for (int l = 0; l < kLanes; ++l) shared[l * kNormWarps + warp] = sums[l];
  }
  __syncthreads();
  return norm_scale(shared[lane], width, eps);
}

// A whole row, by a block of kNormWarps warps.
template <class T, int Count>
__device__ __forceinline__ void norm_row(T* to, const float* row, const T* weight, int32_t width, float eps) {
  constexpr int kHeld = kHeldChunks, kStep = kNormWarps * 32 * Count;
  const int first = int(threadIdx.x) * Count;
  Pack<float, Count> held[kHeld] = {};
  Pack<T, Count> by[kHeld] = {};
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    const int j = first + h * kStep;
    if (j < width) held[h] = load<float, Count>(row + j);
    if (j < width) by[h] = load<T, Count>(weight + j);
  }
  const float scale = row_scale(held, row, width, eps);
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    const int j = first + h * kStep;
    if (j < width) store(to + j, scaled(held[h], scale, by[h]));
  }
  for (int j = first + kHeld * kStep; j < width; j += kStep) {
    store(to + j, scaled(load<float, Count>(row + j), scale, load<T, Count>(weight + j)));
  }
}

// Count neighbours of the residual stream in the activations' dtype.
template <class T, int Count>
__device__ __forceinline__ void convert_pack(T* to, const float* from) {
  const auto v = load<float, Count>(from);
  Pack<T, Count> result;
#pragma unroll
  for (int e = 0; e < Count; ++e) result.e[e] = narrow<T>(v.e[e]);
  store(to, result);
}

}  // namespace smq

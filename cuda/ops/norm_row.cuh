// One row of RMS norm, by 256 threads of a block.
#pragma once

#include "ops/elements.cuh"
#include "ops/reduce.cuh"

namespace smq {

constexpr int kNormThreads = 256;

constexpr int kNormHeld = 8;

// A thread keeps its first kNormHeld packs of Count elements in registers, so that a row of up to
// kNormThreads * kNormHeld * Count elements is read once: fetch(held) reads them, element
// (h * kNormThreads + thread) * Count + e into held[h].e[e], zeros beyond the width. `row`: for those behind
// them. `shared` holds 32 floats, `barrier` holds up the 256 threads.
template <class T, int Count, class Fetch, class Barrier>
__device__ __forceinline__ void norm_row(T* to, const float* row, Fetch fetch, const T* weight,
                                         int32_t width, float eps, int thread, float* shared,
                                         Barrier barrier) {
  constexpr int kStep = kNormThreads * Count;
  const int first = thread * Count;
  Pack<float, Count> held[kNormHeld];
  Pack<T, Count> by[kNormHeld] = {};
#pragma unroll
  for (int h = 0; h < kNormHeld; ++h) {
    const int j = first + h * kStep;
    if (j < width) by[h] = load<T, Count>(weight + j);
  }
  fetch(held);
  float squares = 0;
#pragma unroll
  for (int h = 0; h < kNormHeld; ++h) {
#pragma unroll
    for (int e = 0; e < Count; ++e) squares = fmaf(held[h].e[e], held[h].e[e], squares);
  }
#pragma unroll 1
  for (int j = first + kNormHeld * kStep; j < width; j += kStep) {
    const auto v = load<float, Count>(row + j);
#pragma unroll
    for (int e = 0; e < Count; ++e) squares = fmaf(v.e[e], v.e[e], squares);
  }
  const float sum = block_sum<kNormThreads>(squares, shared, thread, barrier);
  const float scale = 1.0f / sqrtf(sum / float(width) + eps);
  const auto write = [&](int j, const Pack<float, Count>& v, const Pack<T, Count>& w) {
    Pack<T, Count> result;
#pragma unroll
    for (int e = 0; e < Count; ++e) result.e[e] = narrow<T>(v.e[e] * scale * widen(w.e[e]));
    store(to + j, result);
  };
#pragma unroll
  for (int h = 0; h < kNormHeld; ++h) {
    const int j = first + h * kStep;
    if (j < width) write(j, held[h], by[h]);
  }
#pragma unroll 1
  for (int j = first + kNormHeld * kStep; j < width; j += kStep) {
    write(j, load<float, Count>(row + j), load<T, Count>(weight + j));
  }
}

// The first packs of a row that lies in memory.
template <int Count>
__device__ __forceinline__ void fetch_row(Pack<float, Count> (&held)[kNormHeld], const float* row,
                                          int32_t width, int thread) {
#pragma unroll
  for (int h = 0; h < kNormHeld; ++h) {
    const int j = (h * kNormThreads + thread) * Count;
    held[h] = {};
    if (j < width) held[h] = load<float, Count>(row + j);
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

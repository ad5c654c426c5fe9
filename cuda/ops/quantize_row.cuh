// A row of activations in eight bits with one scale, by a block: the largest magnitude first, then the elements.
#pragma once

#include <cuda_fp8.h>

#include "ops/elements.cuh"

namespace smq {

struct Quantized {
  uint8_t* out;
  float* scales;
  int32_t* sums;
  int32_t width;
};

// What a number of a form can hold.
template <int Form>
constexpr float kLargest = Form == SMQ_I8 ? 127.0f : 448.0f;

// Bits of the largest magnitude, or the sum of q, over the block. Their order is that of the magnitudes, and
// infinity and NaN are above all. `shared` is free again after the next barrier.
template <int Threads>
__device__ __forceinline__ uint32_t block_largest(uint32_t bits, uint32_t* shared) {
  bits = __reduce_max_sync(~0u, bits);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = bits;
  __syncthreads();
  return __reduce_max_sync(~0u, shared[threadIdx.x % 32 % (Threads / 32)]);
}

// How x becomes q: x * lift * by. The inverse of what is very small would be infinite.
struct Steps {
  float lift, by;
};
template <int Form>
__device__ __forceinline__ Steps steps_of(float magnitude) {
  const float lift = magnitude < 0x1p-100f ? 0x1p64f : 1.0f;
  return {lift, __fdiv_rn(kLargest<Form>, magnitude * lift)};
}

// Quantizes and writes neighbours; the sum of their q.
template <int Form, int Count>
__device__ __forceinline__ int32_t store_quantized(uint8_t* to, const Pack<float, Count>& x, Steps steps) {
  Pack<uint8_t, Count> q;
  int32_t sum = 0;
#pragma unroll
  for (int e = 0; e < Count; ++e) {
    const float v = x.e[e] * steps.lift * steps.by;
    if constexpr (Form == SMQ_I8) {
      const int32_t nearest = __float2int_rn(v);
      sum += nearest;
      q.e[e] = uint8_t(nearest);
    } else {
      q.e[e] = uint8_t(__nv_cvt_float_to_fp8(v, __NV_SATFINITE, __NV_E4M3));
    }
  }
  store(to, q);
  return sum;
}

// Row blockIdx.x, by Threads threads: element j and its neighbours are load(j). The first `Held` packs of a
// thread stay in registers, those behind are made twice.
template <int Form, int Threads, int Held, int Count, class Load>
__device__ __forceinline__ void quantize_row(const Quantized& to, const Pack<float, Count> (&held)[Held],
                                             Load load) {
  constexpr int kStep = Threads * Count;
  __shared__ uint32_t largest_shared[32];
  __shared__ int32_t sum_shared[32];
  const int first = int(threadIdx.x) * Count;
  uint32_t largest = 0;
  const auto look = [&](const Pack<float, Count>& x) {
#pragma unroll
    for (int e = 0; e < Count; ++e) largest = max(largest, __float_as_uint(x.e[e]) & 0x7fffffffu);
  };
#pragma unroll
  for (int h = 0; h < Held; ++h) look(held[h]);  // zeros behind the end
  for (int j = first + Held * kStep; j < to.width; j += kStep) look(load(j));
  largest = block_largest<Threads>(largest, largest_shared);

  const float magnitude = __uint_as_float(largest);
  const bool regular = largest > 0 && largest < 0x7f800000u;
  const Steps steps = regular ? steps_of<Form>(magnitude) : Steps{0, 0};
  uint8_t* const out = to.out + int64_t(blockIdx.x) * to.width;
  int32_t sum = 0;
  const auto write = [&](int j, const Pack<float, Count>& x) {
    sum += store_quantized<Form, Count>(out + j, regular ? x : Pack<float, Count>{}, steps);
  };
#pragma unroll
  for (int h = 0; h < Held; ++h) {
    const int j = first + h * kStep;
    if (j < to.width) write(j, held[h]);
  }
  for (int j = first + Held * kStep; j < to.width; j += kStep) write(j, load(j));

  sum = __reduce_add_sync(~0u, sum);
  if (threadIdx.x % 32 == 0) sum_shared[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    int32_t total = 0;
    for (int warp = 0; warp < Threads / 32; ++warp) total += sum_shared[warp];
    to.sums[blockIdx.x] = total;
    to.scales[blockIdx.x] =
        largest == 0 ? 0.0f : regular ? __fdiv_rn(magnitude, kLargest<Form>) : __uint_as_float(0x7fc00000u);
  }
}

}  // namespace smq

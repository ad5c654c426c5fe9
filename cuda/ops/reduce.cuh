// Sums and maxima over a warp and a block, always in the same order.
#pragma once

#include <cstdint>

namespace smq {

__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) x += __shfl_xor_sync(~0u, x, lane);
  return x;
}

__device__ __forceinline__ float warp_max(float x) {
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) x = fmaxf(x, __shfl_xor_sync(~0u, x, lane));
  return x;
}

__device__ __forceinline__ uint64_t warp_max(uint64_t x) {
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) {
    const uint64_t other = __shfl_xor_sync(~0u, x, lane);
    x = other > x ? other : x;
  }
  return x;
}

// The sum over the block, on every thread. `shared` holds 32 floats, free again after the next barrier.
template <int kThreads>
__device__ __forceinline__ float block_sum(float x, float* shared) {
  constexpr int kWarps = kThreads / 32;
  x = warp_sum(x);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
  __syncthreads();
  const int lane = int(threadIdx.x) % 32;
  return warp_sum(lane < kWarps ? shared[lane] : 0.0f);
}

// The same for the maximum, which passes over NaN.
template <int kThreads>
__device__ __forceinline__ float block_max(float x, float* shared) {
  constexpr int kWarps = kThreads / 32;
  x = warp_max(x);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
  __syncthreads();
  return warp_max(shared[int(threadIdx.x) % kWarps]);
}

}  // namespace smq

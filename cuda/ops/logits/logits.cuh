// A row of logits cut into chunks, one block each: the cut depends on the vocabulary alone.
#pragma once

#include "ops/elements.cuh"
#include "ops/reduce.cuh"
#include "ops/top_k.cuh"

namespace smq {

constexpr int kLogitThreads = kTopThreads;
constexpr int kLogitEach = 32;  // entries of a chunk that a thread holds
constexpr int kChunk = kLogitThreads * kLogitEach;

inline int32_t chunks_of(int32_t vocab) { return int32_t((int64_t(vocab) + kChunk - 1) / kChunk); }

// A chunk in registers, read past the first-level cache: entry e of a thread is chunk_index<kCount>(e),
// -infinity behind the row's end.
template <int kCount>
__device__ __forceinline__ int32_t chunk_index(int e) {
  return (e / kCount * kLogitThreads + int(threadIdx.x)) * kCount + e % kCount;
}

template <int kCount>
__device__ __forceinline__ void load_chunk(float (&x)[kLogitEach], const float* row, int32_t chunk,
                                           int32_t vocab) {
  const int64_t first = int64_t(chunk) * kChunk;
#pragma unroll
  for (int e = 0; e < kLogitEach; e += kCount) {
    const int64_t i = first + chunk_index<kCount>(e);
    if constexpr (kCount == 4) {
      const float none = -INFINITY;
      const float4 pack = i < vocab ? __ldcg(reinterpret_cast<const float4*>(row + i))
                                    : make_float4(none, none, none, none);
      x[e] = pack.x;
      x[e + 1] = pack.y;
      x[e + 2] = pack.z;
      x[e + 3] = pack.w;
    } else {
      x[e] = i < vocab ? __ldcg(row + i) : -INFINITY;
    }
  }
}

// Of a chunk or a row: the largest entry (NaN passed over), and the sum of e^(x - largest).
struct Stats {
  float largest, sum;
};

// A row's, from its chunks' in a fixed order, on every lane of a warp.
__device__ __forceinline__ Stats combine(const Stats* chunks, int32_t count) {
  const int lane = int(threadIdx.x) % 32;
  float largest = -INFINITY;
  for (int c = lane; c < count; c += 32) largest = fmaxf(largest, __ldcg(&chunks[c].largest));
  largest = warp_max(largest);
  float sum = 0;
  for (int c = lane; c < count; c += 32) {
    sum += __ldcg(&chunks[c].sum) * expf(__ldcg(&chunks[c].largest) - largest);
  }
  return {largest, warp_sum(sum)};
}

// Whether this block is the last of the row's `count` to come here: it then sees what the others wrote,
// and the counter is zero again. Called by all threads.
__device__ __forceinline__ bool is_last_block(uint32_t* counter, uint32_t count) {
  __shared__ bool last;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = count == 1 || atomicAdd(counter, 1) == count - 1;
    if (last && count > 1) *counter = 0;
    __threadfence();
  }
  __syncthreads();
  return last;
}

}  // namespace smq

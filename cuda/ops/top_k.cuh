// The k largest of a list on one block, in order. An entry is a key: its value in the upper half, made
// so that numbers order as integers, and the complement of its index in the lower, so that keys are
// distinct and the lower index comes first among equal values. NaN is below every number; 0 is no entry.
#pragma once

#include <cstdint>

#include "specmquant.h"

namespace smq {

constexpr int kTopThreads = 256;

__device__ __forceinline__ uint64_t top_key(float value, uint32_t index) {
  uint32_t order = 0;
  if (value == value) {
    const uint32_t bits = __float_as_uint(value + 0.0f);  // -0 equals 0
    order = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  }
  return uint64_t(order) << 32 | uint32_t(~index);
}

__device__ __forceinline__ int32_t top_index(uint64_t key) { return int32_t(~uint32_t(key)); }

// kEach: entries that a thread holds at a time.
template <int kEach>
struct TopK {
  uint64_t best[SMQ_MAX_TOPK];
  int32_t count;
  // Only the k threads whose maximum reaches the threshold hold anything that does.
  uint64_t reached[(kEach + 1) * SMQ_MAX_TOPK];
};

// The k-th largest of the threads' distinct numbers, or 1 where fewer than k are not 0: bit by bit, the
// largest threshold that k of them reach.
__device__ __forceinline__ uint64_t kth_largest(uint64_t mine, int32_t k) {
  uint64_t threshold = 0;
#pragma unroll 1
  for (int bit = 63; bit >= 0; --bit) {
    const uint64_t higher = threshold | uint64_t(1) << bit;
    const int reached = __syncthreads_count(mine >= higher);
    if (reached >= k) threshold = higher;
    if (reached == k) break;
  }
  return threshold > 1 ? threshold : 1;
}

// Leaves the k (1 to SMQ_MAX_TOPK) largest of entry(i, e), i < count, in shared.best, largest first,
// zeros where there are fewer; ends with a barrier. Called by all kTopThreads threads; e is the place
// of i among those that the thread holds, i / kTopThreads % kEach.
template <int kEach, class Entry>
__device__ void top_k(TopK<kEach>& shared, int32_t k, int64_t count, const Entry& entry) {
  const int thread = int(threadIdx.x);
  if (thread < SMQ_MAX_TOPK) shared.best[thread] = 0;
  for (int64_t base = 0; base < count || base == 0; base += kTopThreads * kEach) {
    __syncthreads();
    uint64_t keys[kEach + 1];
    uint64_t largest = keys[kEach] = thread < SMQ_MAX_TOPK ? shared.best[thread] : 0;
#pragma unroll
    for (int e = 0; e < kEach; ++e) {
      const int64_t i = base + e * kTopThreads + thread;
      keys[e] = i < count ? entry(i, e) : 0;
      largest = keys[e] > largest ? keys[e] : largest;
    }
    if (thread == 0) shared.count = 0;
    // As k threads hold an entry that reaches it, the k largest entries do too.
    const uint64_t threshold = kth_largest(largest, k);
    if (thread < SMQ_MAX_TOPK) shared.best[thread] = 0;
    if (largest >= threshold) {
#pragma unroll
      for (int e = 0; e <= kEach; ++e) {
        if (keys[e] >= threshold) shared.reached[atomicAdd(&shared.count, 1)] = keys[e];
      }
    }
    __syncthreads();
    // Places among them: the order in which they were collected does not matter, as keys are distinct.
    const int reached = shared.count;
    for (int r = thread; r < reached; r += kTopThreads) {
      const uint64_t key = shared.reached[r];
      int place = 0;
      for (int other = 0; other < reached; ++other) place += shared.reached[other] > key;
      if (place < k) shared.best[place] = key;
    }
  }
  __syncthreads();
}

}  // namespace smq

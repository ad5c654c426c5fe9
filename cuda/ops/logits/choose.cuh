// What settings make of a chunk of a row of logits.
#pragma once

#include "common/choose.h"
#include "ops/logits/logits.cuh"

namespace smq {

// Of a chunk: the bias of each token, or how often the text has it.
union ProcessShared {
  float bias[kChunk];
  uint32_t counts[kChunk];
};

__device__ inline void count_text(const Choose& args, const ChooseSettings& s, int32_t row,
                                  uint32_t first, uint32_t* counts) {
  for (int i = int(threadIdx.x); i < kChunk; i += kLogitThreads) counts[i] = 0;
  __syncthreads();
  const int32_t length = max(args.cache_length[0], 0);
  const auto add = [&](int32_t token, int32_t position) {
    const int32_t id = args.map.entry_of(token);
    const uint32_t at = uint32_t(id) - first;
    if (id < 0 || at >= uint32_t(kChunk)) return;
    atomicOr(counts + at, kSeen);
    if (position >= s.generated) atomicAdd(counts + at, 1);
  };
  const int32_t end = args.tokens ? length : length + row + 1;
  for (int32_t p = int32_t(threadIdx.x); p < end; p += kLogitThreads) add(args.history[p], p);
  const int32_t j = int32_t(threadIdx.x);
  if (args.tokens && j < args.m && args.mask[row] >> j & 1) {
    add(args.tokens[j], length + args.depths[j]);
  }
  __syncthreads();
}

// Bias, penalties and mask on the entries that a thread holds.
template <int kCount>
__device__ void process(float (&x)[kLogitEach], const Choose& args, const ChooseSettings& s,
                        int32_t row, uint32_t first, ProcessShared& shared) {
  if (s.bias > 0) {
    for (int i = int(threadIdx.x); i < kChunk; i += kLogitThreads) shared.bias[i] = 0;
    __syncthreads();
    for (int32_t j = int32_t(threadIdx.x); j < s.bias; j += kLogitThreads) {
      const int32_t id = args.map.entry_of(args.bias_ids[j]);
      const uint32_t at = uint32_t(id) - first;
      if (id >= 0 && at < uint32_t(kChunk)) shared.bias[at] = args.bias_values[j];
    }
    __syncthreads();
#pragma unroll
    for (int e = 0; e < kLogitEach; ++e) x[e] += shared.bias[chunk_index<kCount>(e)];
    __syncthreads();
  }
  if (s.penalizes()) {
    count_text(args, s, row, first, shared.counts);
#pragma unroll
    for (int e = 0; e < kLogitEach; ++e) {
      x[e] = penalized(x[e], shared.counts[chunk_index<kCount>(e)], s);
    }
    __syncthreads();
  }
  if (args.allowed) {
    const uint32_t* words = args.allowed + int64_t(row) * ((int64_t(args.vocab) + 31) / 32);
#pragma unroll
    for (int e = 0; e < kLogitEach; ++e) {
      const uint32_t i = first + uint32_t(chunk_index<kCount>(e));
      const bool free = i < uint32_t(args.vocab) && (words[i / 32] >> (i % 32) & 1);
      if (!free) x[e] = -INFINITY;
    }
  }
}

}  // namespace smq

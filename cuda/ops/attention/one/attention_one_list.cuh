// What the kernel of attention of one row knows: at launch, and from the cache length.
#pragma once

#include "ops/attention/few/attention_decode.cuh"

namespace smq {

// What a launch knows. A cluster of blocks takes a kv head.
struct OneCall {
  AttentionArgs args;
  Divisor share;       // outputs of the kv head's query heads that each block of the cluster folds
  int32_t most_spans;  // of a list
  int32_t held_spans;  // that shared memory has room for
  int32_t stages;
  float scale;         // of scores; above zero
  bool turned;         // whether it was negative, and queries are turned round
  bool early;          // see attend_spans
};

// Shared memory of a block.
template <int D>
struct OneShape : AttendShape<D, kAttendWarps, 1> {
  using Base = AttendShape<D, kAttendWarps, 1>;
  int32_t group, share, spans, stages;

  __host__ __device__ int queries() const { return stages * Base::kStage; }
  __host__ __device__ int weights() const { return queries() + Base::kQueries; }
  __host__ __device__ int rows() const { return weights() + Base::kShared; }            // T [group + 2][D]
  __host__ __device__ int inbox() const { return rows() + (group + 2) * D * 2; }        // f32 [spans][share]
  __host__ __device__ int tops() const { return inbox() + spans * share * 4; }          // f32 [spans][group][2]
  __host__ __device__ int barriers() const { return tops() + spans * group * 8; }       // of the rows, of the spans
  __host__ __device__ int bytes() const { return barriers() + 16; }
};

// The row's list, and what of it is a block's: chunks from `chunk` up to `last`, which are whole spans.
struct OneList {
  int32_t length = 0, count = 0, lowest = 0;  // committed; pairs in the list, and the first that is seen
  int32_t span = 1, first = 0, spans = 0;     // chunks of a span; the first span that is seen, and how many are
  int32_t chunk = 0, last = 0;

  OneList() = default;
  __device__ __forceinline__ OneList(const OneCall& call, int32_t committed, int32_t rank, int32_t blocks)
      : length(min(max(committed, 0), call.args.slots)), count(row_count(call.args, length, 0)) {
    const int32_t window = call.args.window, chunks = chunks_of(count);
    lowest = window > 0 ? max(0, count - window) : 0;
    span = span_length(count, window, call.most_spans);
    first = lowest == 0 ? 0 : int32_t(uint32_t(lowest / kChunk) / uint32_t(span));
    const int32_t end = span == 1 ? chunks : int32_t(uint32_t(chunks + span - 1) / uint32_t(span));
    spans = end - first;
    chunk = max((first + spans * rank / blocks) * span, lowest / kChunk);
    last = min((first + spans * (rank + 1) / blocks) * span, chunks);
  }

  __device__ __forceinline__ bool holds(int32_t index) const {
    return index >= lowest && index < count && index / kChunk >= chunk && index / kChunk < last;
  }
  __device__ __forceinline__ bool seen(int32_t index) const { return index >= lowest && index < count; }

  // The place in the list of the pair in a slot behind the committed ones, or -1.
  __device__ __forceinline__ int32_t place_of(const AttentionArgs& args, int64_t slot) const {
    if (slot < length || slot >= args.slots) return -1;
    if (!args.mask) return slot < count ? int32_t(slot) : -1;
    const int32_t bit = int32_t(slot) - length;
    if (bit >= 64 * args.mask_words || !(args.mask[bit / 64] >> bit % 64 & 1)) return -1;
    int32_t index = length + __popcll(args.mask[bit / 64] & ((uint64_t(1) << bit % 64) - 1));
    for (int32_t w = 0; w < bit / 64; ++w) index += __popcll(args.mask[w]);
    return index;
  }
};

// The committed tokens, past the first cache: read before the kernels before have ended, and again.
__device__ __forceinline__ int32_t fresh_length(const AttentionArgs& args) { return __ldcg(args.cache_length); }

// Has the second cache bring a block's pairs, by a list that may be of an earlier forward.
template <int D>
__device__ __forceinline__ void foretell_pairs(const AttentionArgs& args, const OneList& list, int32_t kv_head) {
  constexpr int kLines = 2 * D / 128;  // of a key, of a value
  constexpr int32_t kMost = 4;         // chunks
  const int32_t end = min(min(list.last, list.chunk + kMost) * kChunk, list.length);
  for (int32_t at = threadIdx.x; at < kMost * kChunk * 2 * kLines; at += kAttendThreads) {
    const int32_t slot = list.chunk * kChunk + at / (2 * kLines), line = at % kLines;
    if (slot >= end) break;
    const void* const cache = at / kLines % 2 == 0 ? args.k_cache : args.v_cache;
    const uint16_t* const pair = static_cast<const uint16_t*>(cache) + slot * args.kv_row() + int64_t(kv_head) * D;
    asm volatile("prefetch.global.L2 [%0];" ::"l"(pair + 64 * line));
  }
}

// Starts the copies of a chunk into a stage; the pair at place `left` comes from elsewhere.
template <int D>
__device__ __forceinline__ void copy_of_list(uint32_t stage, const AttentionArgs& args, const OneList& list,
                                             int32_t kv_head, int32_t chunk, int32_t left) {
  constexpr int kUnitsRow = D / 8, kApart = kAttendThreads / kUnitsRow;
  const int unit = threadIdx.x % kUnitsRow;
  const int64_t column = int64_t(kv_head) * D + 8 * unit;
  const uint16_t* const keys = static_cast<const uint16_t*>(args.k_cache) + column;
  const uint16_t* const values = static_cast<const uint16_t*>(args.v_cache) + column;
  const auto copy = [&](int pair, int32_t index, int32_t slot) {
    const bool wanted = list.seen(index);  // never a slot that the row may not see
    const int64_t offset = wanted ? slot * args.kv_row() : 0;
    const uint32_t to = stage + unit / 8 * kChunkTile + swizzled(pair, unit % 8);
    ptx::copy16(to, keys + offset, wanted ? 16 : 0);
    ptx::copy16(to + kChunk * 2 * D, values + offset, wanted ? 16 : 0);
  };
  const int first = threadIdx.x / kUnitsRow;
  if (!args.mask) {
#pragma unroll
    for (int pair = 0; pair < kChunk; pair += kApart) {
      const int32_t index = chunk * kChunk + first + pair;
      if (index != left) copy(first + pair, index, index);
    }
  } else {
#pragma unroll 1
    for (int pair = first; pair < kChunk; pair += kApart) {
      const int32_t index = chunk * kChunk + pair;
      if (index != left) copy(pair, index, list.seen(index) ? row_slot(args, list.length, 0, index) : 0);
    }
  }
}

}  // namespace smq

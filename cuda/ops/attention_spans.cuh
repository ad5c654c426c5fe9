// How a row's list of pairs is cut: chunks of 32 pairs by their place in the list, and spans of chunks.
// The cut knows nothing of rows, of L or of the capacity, so a row's result has one order of arithmetic:
// a partial for every chunk, chunks folded upwards into their span, spans folded upwards into the result.
// Spans double in length every 32, so that there are few of them: 160 in 124k pairs.
#pragma once

#include <cstdint>

namespace smq {

constexpr int32_t kChunk = 32;
constexpr int32_t kFirstSpan = 4;  // chunks of the shortest spans
constexpr int32_t kLevel = 32;     // spans of one length

// The first chunk of a span.
__host__ __device__ inline int32_t span_first(int32_t span) {
  const int32_t level = span / kLevel;
  return kFirstSpan * kLevel * ((1 << level) - 1) + (span % kLevel * kFirstSpan << level);
}

// The span of a chunk.
__host__ __device__ inline int32_t span_of(int32_t chunk) {
  const uint32_t place = uint32_t(chunk) / (kFirstSpan * kLevel) + 1;
#ifdef __CUDA_ARCH__
  const int32_t level = 31 - __clz(int(place));
#else
  const int32_t level = 31 - __builtin_clz(place);
#endif
  return kLevel * level +
         ((chunk - kFirstSpan * kLevel * ((1 << level) - 1)) >> level) / kFirstSpan;
}

__host__ __device__ inline int32_t chunks_of(int64_t pairs) {
  return int32_t(uint64_t(pairs + kChunk - 1) / kChunk);
}

// Chunks of a row behind the chunks that all rows share: at most 256 pairs of a mask and a started chunk.
constexpr int32_t kMostTail = (kChunk - 1 + 256 + kChunk - 1) / kChunk;

// The workspace: for each kv head, query row (row x q heads that share the kv head) and piece a partial:
// its values, f32 [head_dim padded to 64], and, behind all values, its largest score and sum of weights,
// f32 [2]. Pieces are the spans' shared chunks, then the row's own chunks. Of each 64 values, the one of
// output 8 a + b lies at 8 b + a, as the matrix instruction leaves it.
struct Pieces {
  float* values;
  float2* softmax;
  int32_t spans, pieces, width;

  Pieces(float* workspace, int32_t m, int32_t heads, int32_t head_dim, int32_t slots)
      : values(workspace), spans(span_of(chunks_of(slots) - 1) + 1), pieces(spans + kMostTail),
        width((head_dim + 63) / 64 * 64) {
    softmax = reinterpret_cast<float2*>(values + int64_t(m) * heads * pieces * width);
  }

  __device__ int64_t index(int32_t query, int32_t piece) const {
    return int64_t(query) * pieces + piece;
  }
};

// Division by a number known at launch: a division costs about 150 cycles, and these kernels are bound by
// latency. Exact while numerator * divisor < 2^32.
struct Divisor {
  uint32_t divisor, magic;

  explicit Divisor(int32_t d)
      : divisor(uint32_t(d)), magic(uint32_t(((uint64_t(1) << 32) + uint32_t(d) - 1) / uint32_t(d))) {}

  __device__ __forceinline__ int32_t quotient(int32_t n) const {
    return divisor == 1 ? n : int32_t(__umulhi(uint32_t(n), magic));
  }
};

}  // namespace smq

// How a row's list of pairs is cut: chunks of 64 pairs by their place in the list, and spans of chunks.
// A row's result has one order of arithmetic: a partial for every chunk, chunks folded upwards into their span, spans
// folded upwards into the result. The length of a span comes from the number of pairs that the row sees and of
// kv heads, so that there are about as many spans as the card has room for, whatever the context: fewer would leave
// multiprocessors idle, more are only partials to write and to read. The cut knows nothing of the rows beside, of L
// or of the capacity.
#pragma once

#include <cstdint>

#include "divisor.cuh"

namespace smq {

constexpr int32_t kChunk = 64;
constexpr int32_t kUnits = 256;      // spans of all kv heads: nearly two for each of an H200's 132 multiprocessors
constexpr int32_t kMostSpans = 64;   // of a kv head
constexpr int32_t kMaskPairs = 256;  // of SMQ_MAX_MASK words

__host__ __device__ inline int32_t chunks_of(int64_t pairs) {
  return int32_t(uint64_t(pairs + kChunk - 1) / kChunk);
}

// The most spans of a list without a window.
__host__ __device__ inline int32_t spans_for(int32_t kv_heads) {
  const int32_t spans = kUnits / kv_heads;
  return spans < 1 ? 1 : spans > kMostSpans ? kMostSpans : spans;
}

// Chunks of a span of a list of `pairs` pairs of which the last `window` are seen, all of them if it is 0.
__host__ __device__ inline int32_t span_length(int32_t pairs, int32_t window, int32_t most_spans) {
  int32_t chunks = chunks_of(pairs);
  if (window > 0) {
    const int32_t seen = chunks_of(window) + 1;
    chunks = chunks < seen ? chunks : seen;
  }
  return chunks <= most_spans ? 1 : (chunks + most_spans - 1) / most_spans;
}

// The workspace: for each kv head, query row (row x q heads that share the kv head) and span of chunks that all rows
// see whole a partial: its values, f32 [head_dim padded to 64], and, behind all values, its largest score and sum of
// weights, f32 [2]; then one for each of the row's own chunks. Rows of one forward may have spans of different
// lengths, by one where their lists pass a multiple of the most spans: then all rows get partials for each length
// (`passes`), one behind the other.
struct Pieces {
  float* values;
  float2* softmax;
  int32_t spans, passes, pieces, width;

  // Lists of one forward differ by `apart` pairs at most.
  Pieces(float* workspace, int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim, int32_t slots,
         int32_t apart = kMaskPairs)
      : values(workspace), width((head_dim + 63) / 64 * 64) {
    // So by that many chunks and one; a window may begin and end within spans.
    const int32_t further = apart / kChunk + 1, chunks = chunks_of(slots), most = spans_for(kv_heads);
    spans = chunks < most + further + 3 ? chunks : most + further + 3;
    passes = chunks <= most ? 1 : 1 + (further + most - 1) / most;
    const int32_t tails = (kChunk - 1 + apart + kChunk - 1) / kChunk;  // behind the chunks that all rows see whole
    pieces = spans * passes + tails;
    softmax = reinterpret_cast<float2*>(values + int64_t(m) * heads * pieces * width);
  }

  __device__ int64_t index(int32_t query, int32_t pass, int32_t span) const {
    return int64_t(query) * pieces + pass * spans + span;
  }
  __device__ int64_t tail_index(int32_t query, int32_t tail) const {
    return int64_t(query) * pieces + passes * spans + tail;
  }
};

}  // namespace smq

// What the kernels of attention of few rows know: at launch, and from the cache length.
#pragma once

#include "ops/attention.cuh"
#include "ops/attention_spans.cuh"

namespace smq {

constexpr int kTileRows = 16;  // query rows of a matrix instruction

// What a launch knows.
struct DecodeCall {
  AttentionArgs args;
  Pieces pieces;
  Divisor group;
  int32_t rows, tiles;             // query rows of a kv head, m x group, and their tiles
  int32_t runs, run_tiles;         // tiles that one unit of work takes together, and how many such runs there are
  int32_t most_spans;              // of a list
  int32_t head_tiles, tails;       // tiles of one row's query rows; the most chunks behind the shared ones

  DecodeCall(const AttentionArgs& args, int32_t most_tiles)
      : args(args),
        pieces(args.workspace, args.m, args.heads, args.kv_heads, args.head_dim, args.slots),
        group(args.group()), rows(args.m * args.group()), tiles((rows + kTileRows - 1) / kTileRows),
        runs((tiles + most_tiles - 1) / most_tiles), run_tiles((tiles + runs - 1) / runs),
        most_spans(spans_for(args.kv_heads)), head_tiles((args.group() + kTileRows - 1) / kTileRows),
        tails(chunks_of(kChunk - 1 + (args.mask ? 64 * args.mask_words : args.m))) {}

  // Of a forward that needs one pass, which most do: no list in a cache of `slots` slots asks for more.
  int32_t most_units() const {
    const int32_t spans = pieces.spans < most_spans ? pieces.spans : most_spans;
    return spans * args.kv_heads * runs;
  }
};

// The forward's cut, the same for all blocks.
struct Cut {
  int32_t length;         // committed
  int32_t lowest;         // no row sees a pair before this one
  int32_t shared;         // chunks that all rows see whole, the window aside
  int32_t span;           // chunks of a span in the first pass, one more in each further pass
  int32_t passes;

  __device__ __forceinline__ Cut(const DecodeCall& call) {
    const AttentionArgs& args = call.args;
    length = committed(args);
    int32_t least = length, most;
    if (args.mask) {
      most = min(args.slots, length + 64 * args.mask_words);
      span = span_length(least, args.window, call.most_spans);
      passes = span_length(most, args.window, call.most_spans) + 1 - span;
      // Few trees are as deep as their mask is wide.
      if (passes > 1 || args.window > 0) {
        least = args.slots, most = 0;
        for (int32_t i = 0; i < args.m; ++i) {
          const int32_t count = row_count(args, length, i);
          least = min(least, count);
          most = max(most, count);
        }
      }
    } else {
      least = row_count(args, length, 0);
      most = row_count(args, length, args.m - 1);
    }
    span = span_length(least, args.window, call.most_spans);
    passes = span_length(most, args.window, call.most_spans) + 1 - span;
    lowest = args.window > 0 ? max(0, least - args.window) : 0;
    shared = (args.mask ? length : least) / kChunk;
  }

  // The first span of a pass of which shared chunks are seen, and how many there are.
  __device__ __forceinline__ int32_t first_span(int32_t pass) const {
    return lowest / kChunk / (span + pass);
  }
  __device__ __forceinline__ int32_t spans(int32_t pass) const {
    return lowest / kChunk < shared ? (shared - 1) / (span + pass) + 1 - first_span(pass) : 0;
  }
};

}  // namespace smq

// What the kernels of attention of few rows know: at launch, and from the cache length.
#pragma once

#include "ops/attention/attention.cuh"
#include "ops/attention/attention_spans.cuh"

namespace smq {

constexpr int kTileRows = 16;  // query rows of a matrix instruction

// What a launch knows.
struct DecodeCall {
  AttentionArgs args;
  Pieces pieces;
  Divisor group, kv_heads, quarter;  // a quarter of head_dim: threads of a head in merging
  int32_t rows, tiles;             // query rows of a kv head, m x group, and their tiles
  int32_t runs, run_tiles;         // tiles that one unit of work takes together, and how many such runs there are
  int32_t most_spans;              // of a list
  float scale;                     // of scores; above zero
  bool turned;                     // whether it was negative, and queries are turned round
  int32_t head_tiles;              // tiles of one row's query rows
  bool tail_dense;                 // what is behind the shared chunks is copied as it lies, for several rows
  int32_t tail_rows, tail_units;   // rows of a unit there, and how many units there are

  // Dense: whether shared memory holds 127 pairs. Apart: see Pieces.
  DecodeCall(const AttentionArgs& args, int32_t most_tiles, bool dense, int32_t apart = kMaskPairs)
      : args(args),
        pieces(args.workspace, args.m, args.heads, args.kv_heads, args.head_dim, args.slots, apart),
        group(args.group()), kv_heads(args.kv_heads), quarter(args.head_dim / 4), rows(args.m * args.group()),
        tiles((rows + kTileRows - 1) / kTileRows),
        runs((tiles + most_tiles - 1) / most_tiles), run_tiles((tiles + runs - 1) / runs),
        most_spans(spans_for(args.kv_heads)),
        // A hidden score is -inf, times zero NaN.
        scale(args.scale == 0 ? 1e-37f : args.scale < 0 ? -args.scale : args.scale), turned(args.scale < 0),
        head_tiles((args.group() + kTileRows - 1) / kTileRows),
        tail_dense(dense && args.mask_words <= 1 && head_tiles == 1),
        tail_rows(tail_dense ? kTileRows / args.group() : 1),
        tail_units((args.m + tail_rows - 1) / tail_rows * args.kv_heads * head_tiles) {}

  // Of a forward that needs one pass, which most do: no list in a cache of `slots` slots asks for more.
  int32_t most_units() const {
    const int32_t spans = pieces.spans < most_spans ? pieces.spans : most_spans;
    return spans * args.kv_heads * runs;
  }
};

// The forward's cut, the same for all blocks; made by whole warps.
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
        int32_t low = args.slots, high = 0;
        for (int32_t i = int32_t(threadIdx.x % 32); i < args.m; i += 32) {
          const int32_t count = row_count(args, length, i);
          low = min(low, count);
          high = max(high, count);
        }
        least = __reduce_min_sync(~0u, low);
        most = __reduce_max_sync(~0u, high);
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

  // The first span of a pass of which shared chunks are seen, and how many there are. A division takes long.
  __device__ __forceinline__ int32_t first_span(int32_t pass) const {
    return lowest == 0 ? 0 : int32_t(uint32_t(lowest / kChunk) / uint32_t(span + pass));
  }
  __device__ __forceinline__ int32_t spans(int32_t pass) const {
    const int32_t length = span + pass;
    if (lowest / kChunk >= shared) return 0;
    const int32_t end = length == 1 ? shared : int32_t(uint32_t(shared - 1) / uint32_t(length)) + 1;
    return end - first_span(pass);
  }
};

}  // namespace smq

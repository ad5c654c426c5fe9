// What the kernels of attention of few rows know: at launch, and from the cache length.
#pragma once

#include "ops/attention.cuh"
#include "ops/attention_chunk.cuh"
#include "ops/attention_spans.cuh"

namespace smq {

// What a launch knows.
struct DecodeCall {
  AttentionArgs args;
  Pieces pieces;
  Divisor group, m;
  int32_t rows, tiles;   // query rows of a kv head, m x group, and their tiles
  int32_t head_tiles;    // tiles of one row's query rows

  DecodeCall(const AttentionArgs& args)
      : args(args), pieces(args.workspace, args.m, args.heads, args.head_dim, args.slots),
        group(args.group()), m(args.m), rows(args.m * args.group()),
        tiles((rows + kTileRows - 1) / kTileRows),
        head_tiles((args.group() + kTileRows - 1) / kTileRows) {}

  // No cache of `slots` slots asks for more units of work of a kv head, one unit being `warps` chunks of rows' own
  // or a span and a tile.
  int32_t most_units(int32_t warps) const {
    const int32_t own = chunks_of(kChunk - 1 + (args.mask ? 64 * args.mask_words : args.m));
    return pieces.spans * tiles + (own * args.m * head_tiles + warps - 1) / warps;
  }
};

// The forward's cut, the same for all blocks.
struct Cut {
  int32_t length;         // committed
  int32_t lowest;         // no row sees a pair before this one
  int32_t shared;         // chunks that all rows see whole, the window aside
  int32_t first, spans;   // the first span of which shared chunks are seen, and how many there are
  int32_t tail;           // the most chunks behind the shared ones

  __device__ __forceinline__ Cut(const AttentionArgs& args) {
    length = committed(args);
    const int32_t least = args.mask ? length : row_count(args, length, 0);
    const int32_t most = args.mask ? min(args.slots, length + 64 * args.mask_words)
                                   : row_count(args, length, args.m - 1);
    lowest = 0;
    if (args.window > 0) {
      int32_t count = least;
      if (args.mask) {
        count = args.slots;
        for (int32_t i = 0; i < args.m; ++i) count = min(count, row_count(args, length, i));
      }
      lowest = max(0, count - args.window);
    }
    shared = least / kChunk;
    tail = chunks_of(most) - shared;
    first = span_of(lowest / kChunk);
    spans = lowest / kChunk < shared ? span_of(shared - 1) + 1 - first : 0;
  }
};

}  // namespace smq

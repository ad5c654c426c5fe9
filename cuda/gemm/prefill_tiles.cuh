// How the tiles of a product of many rows are shared out among the blocks of a grid, one block a multiprocessor: a
// choice at compile time, as a loop that knows no parts of tiles has registers and time to spare.
#pragma once

#include <algorithm>

#include "gemm/prefill_pieces.cuh"

namespace smq {

// A block for each tile, in rounds.
struct WholeTiles {
  static constexpr int kComputing = 240, kCopying = 24;  // registers of a thread

  int32_t tiles;
  int32_t steps;  // along the inputs of a tile

  // The tiles of a block, in order.
  class Pieces {
   public:
    __device__ __forceinline__ explicit Pieces(const WholeTiles& share)
        : share_(share), tile_(int(blockIdx.x - gridDim.x)) {}

    __device__ __forceinline__ bool next(PrefillPiece& piece) {
      tile_ += gridDim.x;
      piece = {tile_, 0, share_.steps};
      return tile_ < share_.tiles;
    }

   private:
    const WholeTiles& share_;
    int32_t tile_;
  };

  template <class Sum>
  __device__ __forceinline__ bool join(const PrefillPiece&, Sum (&)[2][64]) const {
    return true;
  }
};

// Calls `run` with the tiles, spread where that pays, and the size of the grid. Scratch from `offset` on is free; lost:
// the steps that a product's parts take.
template <class Run>
void share_tiles(smq_context* ctx, int32_t tiles, int32_t steps, int64_t offset, int64_t lost, Run run) {
  if (can_spread(ctx, tiles, steps, offset) && worth_spreading(tiles, steps, ctx->sms, lost)) {
    unsigned blocks = 0;
    const SpreadTiles share = spread_tiles(ctx, tiles, steps, offset, &blocks);
    return run(share, blocks);
  }
  run(WholeTiles{tiles, steps}, unsigned(std::min(tiles, ctx->sms)));
}

}  // namespace smq

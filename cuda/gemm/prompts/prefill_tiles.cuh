// How the tiles of a product of many rows are shared out among the blocks of a grid, one block a multiprocessor: a
// choice at compile time, as a loop that knows no parts of tiles has registers and time to spare.
#pragma once

#include <algorithm>

#include "gemm/prompts/prefill_pairs.cuh"

namespace smq {

// A block for each tile, in rounds.
struct WholeTiles {
  static constexpr int kCluster = 1;
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

  __device__ __forceinline__ bool is_last(const PrefillPiece&) const { return false; }
  template <class Sum>
  __device__ __forceinline__ bool join(const PrefillPiece&, Sum (&)[2][64], const PrefillInbox&) const {
    return true;
  }
};

// Calls `run` with the tiles, those left over shared as takes least, and the size of the grid. Scratch from `offset` on is
// free, if anything is. Pairs: whether there is a kernel for them.
template <bool Pairs, class Run>
void share_tiles(smq_context* ctx, int32_t tiles, int32_t steps, int64_t offset, const SharingCosts& costs, Run run) {
  TileSteps by = steps_of(tiles, steps, ctx->sms, costs);
  if (!can_spread(ctx, tiles, steps, offset)) by.spread = kNever;
  if constexpr (Pairs) {
    if (by.paired < by.whole && by.paired <= by.spread) {
      const int32_t most = ctx->sms / 2 * 2, whole = tiles / most * most, pairs = tiles - whole;
      return run(PairedTiles{whole, steps, pairs}, unsigned(whole > 0 ? most : 2 * pairs));
    }
  }
  if (by.spread < by.whole) {
    unsigned blocks = 0;
    const SpreadTiles share = spread_tiles(ctx, tiles, steps, offset, &blocks);
    return run(share, blocks);
  }
  run(WholeTiles{tiles, steps}, unsigned(std::min(tiles, ctx->sms)));
}

}  // namespace smq

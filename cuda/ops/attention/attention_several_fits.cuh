// When attentions of several rows each are one kernel (attention_several.cuh).
#pragma once

#include "ops/attention/attention_cut.cuh"

namespace smq {

// The most tiles of query rows that a block takes.
constexpr int32_t kSeveralTiles = 8;

// Many query rows of long caches are what wgmma is for: one sequence after the other then is quicker.
inline bool several_rows_fit(int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim, int32_t slots,
                             int32_t cache) {
  constexpr int32_t kFewTiles = 2, kMostChunks = 128;
  const int32_t tiles = (m * (heads / kv_heads) + kTileRows - 1) / kTileRows;
  return cache != SMQ_I8 && m > 1 && m <= kDecodeRows / 2 && (head_dim == 64 || head_dim == 128) &&
         tiles <= (chunks_of(slots) <= kMostChunks ? kSeveralTiles : kFewTiles);
}

}  // namespace smq

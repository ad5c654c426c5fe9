// How the tiles of a product of many rows are shared out among the blocks of a grid, one block a multiprocessor.
//
// As many tiles as come to whole rounds are computed by a block each. Those left over would keep a part of the card
// busy for a whole round: all blocks take equal parts of them, one part behind another along the inputs, so a tile
// may be spread over several. Who has the first of its inputs writes the tile, and adds what the blocks behind it have
// left in scratch, in the order of inputs. Parts come before whole tiles, and who leaves one leaves it first, so it lies
// there by the time its reader has computed its own.
#pragma once

#include <algorithm>

#include "context.cuh"

namespace smq {

// What all blocks know.
struct PrefillShare {
  int32_t whole;    // tiles that are a block's each: the first ones
  int32_t steps;    // along the inputs of a tile
  int32_t spread;   // steps of all other tiles
  int32_t takers;   // blocks that take parts of those: the first ones
  float4* parts;    // kPartFloats of each block that leaves some, by warp, number and lane
  uint32_t* flags;  // 1 for each warp of a block whose part is there
};

constexpr int kPrefillWarps = 8;    // that compute, of 128 rows x 256 outputs
constexpr int kWarpSums = 128;      // of a thread
constexpr int64_t kPartBytes = int64_t(kPrefillWarps) * 32 * kWarpSums * 4;  // of a block

// Shares out tiles; *blocks becomes the size of the grid. Scratch from `offset` on is the parts'.
inline PrefillShare share_tiles(smq_context* ctx, int32_t tiles, int32_t steps, int64_t offset, unsigned* blocks) {
  constexpr int kLeast = 8;  // steps that are worth a block's own start and end
  constexpr int kWorth = 4;  // steps that leaving and adding up parts takes
  const int most = int(std::min<int64_t>(ctx->sms, (int64_t(ctx->scratch_bytes) - offset) / kPartBytes));
  PrefillShare share{};
  share.whole = tiles;
  share.steps = steps;
  share.takers = 1;
  share.parts = reinterpret_cast<float4*>(static_cast<uint8_t*>(ctx->scratch) + offset);
  share.flags = ctx->counters;
  *blocks = unsigned(std::min(tiles, ctx->sms));
  const int rest = tiles % ctx->sms;
  const int64_t spread = int64_t(rest) * steps;
  if (most < ctx->sms || spread > INT32_MAX / ctx->sms) return share;
  const int takers = int(std::clamp<int64_t>(spread / kLeast, std::max(rest, 1), ctx->sms));
  if (rest == 0 || steps - (spread + takers - 1) / takers < kWorth) return share;
  share.whole = tiles - rest;
  share.spread = int32_t(spread);
  share.takers = takers;
  *blocks = unsigned(share.whole > 0 ? ctx->sms : takers);
  return share;
}

// Some steps of a tile.
struct PrefillPiece {
  int32_t tile, begin, end;
};

// The pieces of a block, in order.
class PrefillPieces {
 public:
  __device__ __forceinline__ explicit PrefillPieces(const PrefillShare& share)
      : share_(share), at_(begin_of(share, blockIdx.x)), end_(begin_of(share, blockIdx.x + 1)), tile_(blockIdx.x) {}

  __device__ __forceinline__ bool next(PrefillPiece& piece) {
    if (at_ < end_) {
      const int32_t tile = at_ / share_.steps, first = tile * share_.steps;
      piece = {share_.whole + tile, at_ - first, min(share_.steps, end_ - first)};
      at_ = first + piece.end;
      return true;
    }
    piece = {tile_, 0, share_.steps};
    tile_ += gridDim.x;
    return piece.tile < share_.whole;
  }

  // The first of the spread steps that block b takes.
  static __device__ __forceinline__ int32_t begin_of(const PrefillShare& share, int b) {
    return share.spread * min(b, share.takers) / share.takers;
  }

 private:
  const PrefillShare& share_;
  int32_t at_, end_, tile_;
};

// Brings the sums of a tile together, each warp of a block for itself; whether this block writes them.
template <class Sum>
__device__ __forceinline__ bool join_pieces(const PrefillShare& share, const PrefillPiece& piece, Sum (&sums)[2][64]) {
  static_assert(sizeof(Sum) == 4 && 2 * 64 == kWarpSums, "a part holds words");
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const auto part = [&](int b) { return share.parts + (int64_t(b) * kPrefillWarps + warp) * (kWarpSums / 4) * 32 + lane; };
  const auto flag = [&](int b) { return share.flags + b * kPrefillWarps + warp; };
  if (piece.begin > 0) {
    float4* const to = part(blockIdx.x);
#pragma unroll
    for (int i = 0; i < kWarpSums / 4; ++i) {
      const Sum* const four = &sums[i / 16][i % 16 * 4];
      float4 v;
      memcpy(&v, four, sizeof v);
      __stcg(to + i * 32, v);
    }
    __syncwarp();
    if (lane == 0) {
      __threadfence();
      asm volatile("st.release.gpu.global.u32 [%0], 1;" ::"l"(flag(blockIdx.x)) : "memory");
    }
    return false;
  }
  if (piece.end == share.steps) return true;
  const int32_t end = (piece.tile - share.whole + 1) * share.steps;
  for (int b = blockIdx.x + 1; PrefillPieces::begin_of(share, b) < end; ++b) {
    uint32_t there = 0;
    while (there == 0) {
      asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(there) : "l"(flag(b)) : "memory");
    }
    const float4* const from = part(b);
#pragma unroll
    for (int i = 0; i < kWarpSums / 4; ++i) {
      const float4 v = __ldcg(from + i * 32);
      Sum four[4];
      memcpy(four, &v, sizeof v);
#pragma unroll
      for (int e = 0; e < 4; ++e) sums[i / 16][i % 16 * 4 + e] += four[e];
    }
    __syncwarp();  // all lanes have seen it
    if (lane == 0) *flag(b) = 0;
  }
  return true;
}

}  // namespace smq

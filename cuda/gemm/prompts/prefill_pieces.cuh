// Tiles of a product of many rows of which those left over are spread, one block a multiprocessor.
//
// As many tiles as come to whole rounds are computed by a block each. Those left over would keep a part of the card
// busy for a whole round: all blocks take equal parts of them, one part behind another along the inputs, so a tile
// may be spread over several. Who has the first of its inputs writes the tile, and adds what the blocks behind it have
// left in scratch, in the order of inputs. Parts come before whole tiles, and who leaves one leaves it first, so it
// lies there by the time its reader has computed its own.
#pragma once

#include <algorithm>

#include "context.cuh"
#include "gemm/prompts/prefill_rounds.cuh"

namespace smq {

constexpr int kPrefillWarps = 8;    // that compute, of 128 rows x 256 outputs
constexpr int kWarpSums = 128;      // of a thread
constexpr int64_t kPartBytes = int64_t(kPrefillWarps) * 32 * kWarpSums * 4;  // of a block

// Some steps of a tile.
struct PrefillPiece {
  int32_t tile, begin, end;
};

// Where a block of a cluster is told of: its ring, and a barrier of its own that counts bytes.
struct PrefillInbox {
  const uint8_t* memory;
  uint32_t address, barrier;
};

// What all blocks know.
struct SpreadTiles {
  static constexpr int kCluster = 1;
  // Registers of a thread that computes and of one that copies: who copies needs more than 24 for its pieces, and
  // together they must not ask for more than the block was launched with, 168 x 384.
  static constexpr int kComputing = 232, kCopying = 40;

  int32_t whole;    // tiles that are a block's each: the first ones
  int32_t steps;    // along the inputs of a tile
  int32_t spread;   // steps of all other tiles
  int32_t takers;   // blocks that take parts of those: the last ones
  float4* parts;    // kPartBytes of each block that leaves some, by warp, number and lane
  uint32_t* flags;  // 1 for each warp of a block whose part is there

  class Pieces;
  // Whether no piece of the block comes behind it, where that must be known.
  __device__ __forceinline__ bool is_last(const PrefillPiece&) const { return false; }
  // Brings the sums of a tile together, each warp of a block for itself; whether this block writes them.
  template <class Sum>
  __device__ __forceinline__ bool join(const PrefillPiece& piece, Sum (&sums)[2][64], const PrefillInbox&) const;

  // A block's place among the takers. Blocks begin in the order of their numbers, and a place waits for those behind it:
  // so these are the blocks before it, which run or have ended, whatever else the card runs beside this kernel.
  static __device__ __forceinline__ int place() { return int(gridDim.x) - 1 - int(blockIdx.x); }
  // The first of the spread steps that the block at place b takes.
  __device__ __forceinline__ int32_t begin_of(int b) const { return spread * min(b, takers) / takers; }
};

// Whether scratch has room for the parts from `offset` on, and steps can be counted.
inline bool can_spread(const smq_context* ctx, int32_t tiles, int32_t steps, int64_t offset) {
  return int64_t(ctx->scratch_bytes) - offset >= ctx->sms * kPartBytes &&
         int64_t(tiles % ctx->sms) * steps <= INT32_MAX / ctx->sms;
}

// Shares out tiles of which some are left over; *blocks becomes the size of the grid.
inline SpreadTiles spread_tiles(smq_context* ctx, int32_t tiles, int32_t steps, int64_t offset, unsigned* blocks) {
  const int rest = tiles % ctx->sms;
  const int64_t spread = int64_t(rest) * steps;
  SpreadTiles share{};
  share.whole = tiles - rest;
  share.steps = steps;
  share.spread = int32_t(spread);
  share.takers = int32_t(std::clamp<int64_t>(spread / kLeastSteps, rest, ctx->sms));
  share.parts = reinterpret_cast<float4*>(static_cast<uint8_t*>(ctx->scratch) + offset);
  share.flags = ctx->counters;
  *blocks = unsigned(share.whole > 0 ? ctx->sms : share.takers);
  return share;
}

// The pieces of a block, in order.
class SpreadTiles::Pieces {
 public:
  __device__ __forceinline__ explicit Pieces(const SpreadTiles& share)
      : share_(share), at_(share.begin_of(place())), end_(share.begin_of(place() + 1)), tile_(blockIdx.x) {}

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

 private:
  const SpreadTiles& share_;
  int32_t at_, end_, tile_;
};

template <class Sum>
__device__ __forceinline__ bool SpreadTiles::join(const PrefillPiece& piece, Sum (&sums)[2][64],
                                                 const PrefillInbox&) const {
  static_assert(sizeof(Sum) == 4 && 2 * 64 == kWarpSums, "a part holds words");
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const auto part = [&](int b) { return parts + (int64_t(b) * kPrefillWarps + warp) * (kWarpSums / 4) * 32 + lane; };
  const auto flag = [&](int b) { return flags + b * kPrefillWarps + warp; };
  if (piece.begin > 0) {
    float4* const to = part(place());
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
      asm volatile("st.release.gpu.global.u32 [%0], 1;" ::"l"(flag(place())) : "memory");
    }
    return false;
  }
  if (piece.end == steps) return true;
  const int32_t end = (piece.tile - whole + 1) * steps;
  for (int b = place() + 1; begin_of(b) < end; ++b) {
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

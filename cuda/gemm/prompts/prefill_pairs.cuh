// Tiles of a product of many rows of which those left over are computed by two blocks each, a cluster, half of the inputs
// a block. Rings are free when all inputs have been multiplied: there a block gets what the other one has of the half of
// the tile that it writes.
#pragma once

#include "gemm/prompts/prefill_pieces.cuh"
#include "ops/cluster.cuh"

namespace smq {

struct PairedTiles {
  static constexpr int kCluster = 2;
  static constexpr int kComputing = 240, kCopying = 24;  // registers of a thread

  int32_t whole;  // tiles that are a block's each: the first ones, whole rounds of the grid
  int32_t steps;  // along the inputs of a tile
  int32_t pairs;  // all other tiles

  // The pieces of a block, in order: a ring is free behind the last one alone.
  class Pieces {
   public:
    __device__ __forceinline__ explicit Pieces(const PairedTiles& share)
        : share_(share), tile_(int(blockIdx.x - gridDim.x)) {}

    __device__ __forceinline__ bool next(PrefillPiece& piece) {
      tile_ += gridDim.x;
      if (tile_ < share_.whole) {
        piece = {tile_, 0, share_.steps};
        return true;
      }
      const int at = tile_ - share_.whole, half = share_.steps / kCluster;  // of all blocks' halves
      piece = {share_.whole + at / kCluster, 0, half};
      if (at % kCluster == 1) piece.begin = half, piece.end = share_.steps;
      return at < kCluster * share_.pairs;
    }

   private:
    const PairedTiles& share_;
    int32_t tile_;
  };

  __device__ __forceinline__ bool is_last(const PrefillPiece& piece) const { return piece.tile >= whole; }

  // Brings the sums of a tile together; whether this group of warps writes its half.
  template <class Sum>
  __device__ __forceinline__ bool join(const PrefillPiece& piece, Sum (&sums)[2][64], const PrefillInbox& inbox) const {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    if (!is_last(piece)) return true;
    constexpr int kFours = kWarpSums / 4, kGroup = 128;
    const int group = threadIdx.x / kGroup, thread = threadIdx.x % kGroup, rank = blockIdx.x % kCluster;
    cluster_meet();  // neither reads its ring any more
    if (group != rank) {
      const uint32_t to = address_in(group, inbox.address) + thread * 16, told = address_in(group, inbox.barrier);
#pragma unroll
      for (int i = 0; i < kFours; ++i) {
        uint4 v;
        memcpy(&v, &sums[i / 16][i % 16 * 4], sizeof v);
        tell_there(to + i * kGroup * 16, v, told);
      }
      return false;
    }
    if (thread == 0) ptx::barrier_expect(inbox.barrier, kFours * kGroup * 16);
    ptx::barrier_wait(inbox.barrier, 0);
    const float4* const from = reinterpret_cast<const float4*>(inbox.memory) + thread;
#pragma unroll
    for (int i = 0; i < kFours; ++i) {
      const float4 v = from[i * kGroup];
      Sum four[4];
      memcpy(four, &v, sizeof v);
#pragma unroll
      for (int e = 0; e < 4; ++e) sums[i / 16][i % 16 * 4 + e] += four[e];
    }
#endif
    return true;
  }
};

}  // namespace smq

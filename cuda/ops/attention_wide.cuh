// The work of attention_decode.cuh for many query rows, on Hopper: one thread has the copy engine stream a span's
// chunks, and one or two groups of four warps meet each with 64 query rows by wgmma. Same bits: the arithmetic is
// that of attention_chunk.cuh, instruction by instruction of 16 inputs or pairs.
#pragma once

#include <cuda.h>

#include "gemm/wgmma.cuh"
#include "ops/attention_decode.cuh"

namespace smq {

constexpr int kWideThreads = 128, kWideTiles = 4;  // of a group of warps
constexpr int kMostWideStages = 6;

template <int D, int Groups>
struct WideShape {
  static constexpr int kTiles = Groups * kWideTiles;
  static constexpr int kThreads = Groups * kWideThreads + 32;
  static constexpr int kBlocks = Groups == 1 ? 2 : 1;           // that a multiprocessor has registers for
  static constexpr int kHalves = D / 64;                        // of 64 columns
  static constexpr int kStage = 2 * kHalves * kChunkTile;       // keys, then values
  static constexpr int kQueries = Groups * kHalves * kChunkTile;
  static constexpr int kShared = kMostWideStages * 16;          // barriers
  static constexpr int bytes(int stages) { return kQueries + kShared + stages * kStage; }
};

// The caches as the copy engine sees them: [slots, kv_heads * head_dim] in boxes of 64 x 64.
struct WideMaps {
  CUtensorMap keys, values;
};

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

// A place in the ring.
struct RingPlace {
  int stage = 0, parity = 0;
  __device__ __forceinline__ void next(int stages) {
    if (++stage == stages) stage = 0, parity ^= 1;
  }
};

// Who may touch a stage: the copying thread waits for phase i - 1 of its `empty`, to which each warp arrives once its
// products of the stage have ended, before it copies for the i-th time; warps wait for phase i of `full`.
template <class T, int D, int Groups>
__device__ __forceinline__ void attend_wide(const DecodeCall& call, const WideMaps& maps, uint8_t* memory, int stages,
                                            bool early) {
  using Shape = WideShape<D, Groups>;
  constexpr int kHalves = Shape::kHalves;
  const AttentionArgs& args = call.args;
  bool waited = false;
  const auto wait = [&] {
    if (waited) return;
    wait_for_previous();
    let_next_start();
    waited = true;
  };
  const uint32_t ring = ptx::shared_address(memory), queries = ring + stages * Shape::kStage;
  const uint32_t barriers = queries + Shape::kQueries;
  const auto full = [&](int stage) { return barriers + 16 * stage; };
  const auto empty = [&](int stage) { return barriers + 16 * stage + 8; };
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < stages; ++stage) {
      ptx::barrier_init(full(stage), 1);
      ptx::barrier_init(empty(stage), Groups * kWideThreads / 32);
    }
    ptx::barrier_init_fence();
  }
  if (!early || blockIdx.x == 0) wait();
  const Cut cut(call);
  Walk at(call, cut);
  if (!at.more()) return;
  __syncthreads();
  const int warp = threadIdx.x / 32, group = warp / 4;
  RingPlace place;
  if (group == Groups) {
    if (threadIdx.x % 32 != 0) return;
    const uint64_t policy = ptx::read_once();
    for (; at.more(); at.next(call, cut), place.next(stages)) {
      ptx::barrier_wait(empty(place.stage), place.parity ^ 1);  // at once in a stage's first use
      if ((at.chunk + 1) * kChunk > cut.length) wait();         // some pair is of this forward
      ptx::barrier_expect(full(place.stage), Shape::kStage);
      const uint32_t to = ring + place.stage * Shape::kStage;
      const int32_t column = at.kv_head * D, row = at.chunk * kChunk;
#pragma unroll
      for (int half = 0; half < kHalves; ++half) {
        const auto copy = [&](uint32_t tile, const CUtensorMap* map) {
          if (call.runs == 1) ptx::box_copy(tile, map, column + 64 * half, row, full(place.stage), policy);
          else ptx::box_copy(tile, map, column + 64 * half, row, full(place.stage));
        };
        copy(to + half * kChunkTile, &maps.keys);
        copy(to + (kHalves + half) * kChunkTile, &maps.values);
      }
    }
    return;
  }
  wait();
  const int tile = 4 * group;  // the group's first of the run's tiles
  const uint32_t mine = queries + group * kHalves * kChunkTile;
  int32_t held_head = -1, held_run = -1, first_tile = 0;
  bool active = false, begun = false;
  float sums[kHalves][32];
  Softmax softmax[2];
  for (; at.more(); at.next(call, cut), place.next(stages)) {
    if (at.kv_head != held_head || at.run != held_run) {
      held_head = at.kv_head, held_run = at.run;
      first_tile = at.run * call.run_tiles + tile;
      active = tile < call.run_tiles && first_tile < call.tiles;
      if (active) {
        tile_barrier<4>(group);  // the queries before are read no more
        copy_queries<D, 64, 64, kWideThreads>(memory + (mine - ring), call, at.kv_head, at.run, 64 * group,
                                               threadIdx.x % kWideThreads);
        asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
        tile_barrier<4>(group);
      }
    }
    ptx::barrier_wait(full(place.stage), place.parity);
    if (active) {
      const uint32_t keys = ring + place.stage * Shape::kStage, values = keys + kHalves * kChunkTile;
      float scores[8][4];
      float(&flat)[32] = reinterpret_cast<float(&)[32]>(scores);
      wgmma::fence();
#pragma unroll
      for (int s = 0; s < D / 16; ++s) {
        const uint32_t half = s / 4 * kChunkTile;
        wgmma::multiply_shared(flat, wgmma::describe(mine + half) + s % 4 * wgmma::kStep,
                               wgmma::describe(keys + half) + s % 4 * wgmma::kStep, s > 0, T());
      }
      wgmma::commit();
      if (!begun) {
#pragma unroll
        for (int half = 0; half < kHalves; ++half) {
#pragma unroll
          for (int i = 0; i < 32; ++i) sums[half][i] = 0;
        }
        softmax[0] = softmax[1] = Softmax();
      }
      wgmma::wait<0>();
      wgmma::settle(flat);
      scale_scores(scores, args.scale);
      const float top[2] = {largest(scores, 0), largest(scores, 1)};
      uint32_t mine_weights[8][2];
      weigh<T>(mine_weights, scores, top);
      Weights weights;
#pragma unroll
      for (int s = 0; s < kChunk / 16; ++s) {
#pragma unroll
        for (int i = 0; i < 4; ++i) weights[s][i] = mine_weights[2 * s + i / 2][i % 2];
      }
      float runs[kHalves][32];
      wgmma::fence();
#pragma unroll
      for (int half = 0; half < kHalves; ++half) {
#pragma unroll
        for (int s = 0; s < kChunk / 16; ++s) {
          wgmma::multiply_transposed(runs[half], weights[s],
                                     wgmma::describe(values + half * kChunkTile + s * 16 * kTileRow), s > 0, T());
        }
        wgmma::commit();
      }
      Softmax chunk[2];
      chunk[0].top = top[0];
      chunk[1].top = top[1];
      sum_weights<T>(chunk, weights);
      const Factors by[2] = {fold(softmax[0], chunk[0]), fold(softmax[1], chunk[1])};
      const auto take = [&](int half) {
        wgmma::settle(runs[half]);
#pragma unroll
        for (int i = 0; i < 32; ++i) {
          const Factors& f = by[i / 2 % 2];
          sums[half][i] = fold_value(sums[half][i], runs[half][i], f.before, f.later);
        }
      };
      if constexpr (kHalves == 2) {
        wgmma::wait<1>();
        take(0);
      }
      wgmma::wait<0>();
      take(kHalves - 1);
      begun = at.chunk + 1 < at.last;
      if (!begun && tile + warp % 4 < call.run_tiles) {
        keep_tile(call, cut, at, first_tile + warp % 4, 0, reinterpret_cast<const float(&)[8 * kHalves][4]>(sums),
                  softmax);
      }
    }
    __syncwarp();
    if (threadIdx.x % 32 == 0) ptx::barrier_arrive(empty(place.stage));
  }
}

#endif

}  // namespace smq

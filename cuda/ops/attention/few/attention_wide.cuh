// The work of attention_decode.cuh for many query rows, on Hopper: one thread has the copy engine stream a span's
// chunks, and one or two groups of four warps meet each with 64 query rows by wgmma, the scores of a chunk beside the
// weights and values of the one before. Same bits: the arithmetic is
// that of attention_chunk.cuh, instruction by instruction of 16 inputs or pairs. Caches in 8 bits have a group of warps in
// place of that thread, which copies them into a ring of their own and writes what they stand for.
#pragma once

#include <type_traits>

#include <cuda.h>

#include "gemm/wgmma.cuh"
#include "ops/attention/attention_ring.cuh"
#include "ops/attention/few/attention_decode.cuh"

namespace smq {

constexpr int kWideThreads = 128, kWideTiles = 4;  // of a group of warps
constexpr int kMostWideStages = 6;

template <int D, int Groups, bool Eight>
struct WideShape {
  static constexpr int kTiles = Groups * kWideTiles;
  static constexpr int kThreads = (Groups + 1) * kWideThreads;
  // Registers of a copying thread and of a computing one: together those that a block is launched with.
  static constexpr int kCopying = Eight ? 56 : 40;
  static constexpr int kRegisters = Groups == 1 ? 256 - kCopying : 252 - kCopying / 2;
  static_assert(kRegisters % 8 == 0 && Groups * kRegisters + kCopying == (Groups + 1) * (Groups == 1 ? 128 : 168),
                "no more than there are");
  static constexpr int kBlocks = Groups == 1 ? 2 : 1;           // that a multiprocessor has registers for
  static constexpr int kHalves = D / 64;                        // of 64 columns
  static constexpr int kStage = 2 * kHalves * kChunkTile;       // keys, then values
  static constexpr int kQueries = Groups * kHalves * kChunkTile;
  static constexpr int kShared = 256;                           // barriers, 16 bytes a stage
  static constexpr int kRaw = Eight ? EightHalf<D>::kBytes : 0;  // a stage of the ring before
  static constexpr int bytes(int stages, int raws) { return kQueries + kShared + stages * kStage + raws * kRaw; }
};

// The caches as the copy engine sees them: [slots, kv_heads * head_dim] in boxes of 64 x 64.
struct WideMaps {
  CUtensorMap keys, values;
};

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

// Who may touch a stage: the copying thread waits for phase i - 1 of its `empty`, to which each warp arrives once its
// products of the stage have ended, before it copies for the i-th time; warps wait for phase i of `full`.
template <class T, int D, int Groups, bool Eight>
__device__ __forceinline__ void attend_wide(const DecodeCall& call, const WideMaps& maps, uint8_t* memory, int stages,
                                            int raws, bool early) {
  using Shape = WideShape<D, Groups, Eight>;
  constexpr int kHalves = Shape::kHalves;
  bool waited = false;
  const auto wait = [&] {
    if (waited) return;
    wait_for_previous();
    let_next_start();
    waited = true;
  };
  if (!early) wait();
  // What is behind the shared chunks has blocks of its own where two fit on a multiprocessor. Otherwise the computing
  // warps of the first blocks take it before their spans, whose first chunks are copied meanwhile, or, where spans
  // are few, those of blocks without.
  const int32_t tail_blocks = Shape::kBlocks > 1 ? call.tail_units : 0;
  if (int32_t(blockIdx.x) < tail_blocks) {
    attend_tail<T, D, Shape::kThreads / 32, Eight>(call, memory, blockIdx.x, wait);
    return;
  }
  const Cut cut(call);
  Walk at(call, cut, int32_t(blockIdx.x) - tail_blocks, int32_t(gridDim.x) - tail_blocks);
  const bool apart = at.units + call.tail_units <= int32_t(gridDim.x);
  const int32_t turn = apart ? int32_t(gridDim.x) - 1 - int32_t(blockIdx.x) : int32_t(blockIdx.x);
  const bool has_tail = tail_blocks == 0 && turn < call.tail_units;
  if (!at.more() && !has_tail) return;
  const uint32_t ring = ptx::shared_address(memory), queries = ring + stages * Shape::kStage;
  const uint32_t barriers = queries + Shape::kQueries;
  const auto full = [&](int stage) { return barriers + 16 * stage; };
  const auto empty = [&](int stage) { return barriers + 16 * stage + 8; };
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < stages; ++stage) {
      ptx::barrier_init(full(stage), Eight ? kWideThreads : 1);
      ptx::barrier_init(empty(stage), Groups * kWideThreads / 32);
    }
    ptx::barrier_init_fence();
  }
  __syncthreads();
  const int warp = first_lane(threadIdx.x / 32), group = warp / 4;
  RingPlace place;
  if (group == Groups) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Shape::kCopying));
    if constexpr (Eight) {
      const int thread = threadIdx.x % kWideThreads;
      uint8_t* const raw = memory + Shape::bytes(stages, 0);
      const uint32_t raw_address = ptx::shared_address(raw);
      Walk ahead = at;
      int to = 0, from = 0;
      bool of_values = false;
      const auto copy = [&] {
        if (ahead.more()) {
          if ((ahead.chunk + 1) * kChunk > cut.length) wait();  // some pair is of this forward
          copy_half<D, kWideThreads>(raw_address + to * Shape::kRaw, of_values ? call.args.v_cache : call.args.k_cache,
                                     call.args, ahead.kv_head, ahead.chunk, 0, thread);
          if (of_values) ahead.next(call, cut);
          of_values = !of_values;
          if (++to == raws) to = 0;
        }
        ptx::commit_copies();
      };
      for (int stage = 1; stage < raws; ++stage) copy();
      for (; at.more(); at.next(call, cut), place.next(stages)) {
        uint8_t* const tiles = memory + place.stage * Shape::kStage;
#pragma unroll 1
        for (int half = 0; half < 2; ++half) {
          wait_copies(raws - 2);
          tile_barrier<kWideThreads / 32>(Groups);  // all copies are there, and the half before is read no more
          copy();
          if (half == 0) ptx::barrier_wait(empty(place.stage), place.parity ^ 1);
          widen_half<T, D, kWideThreads>(tiles + half * kHalves * kChunkTile, raw + from * Shape::kRaw, call.args,
                                         at.kv_head, thread);
          if (++from == raws) from = 0;
        }
        asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
        ptx::barrier_arrive(full(place.stage));
      }
    } else {
      if (threadIdx.x % kWideThreads != 0) return;
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
            if (at.run + 1 == call.runs) ptx::box_copy(tile, map, column + 64 * half, row, full(place.stage), policy);
            else ptx::box_copy(tile, map, column + 64 * half, row, full(place.stage));
          };
          copy(to + half * kChunkTile, &maps.keys);
          copy(to + (kHalves + half) * kChunkTile, &maps.values);
        }
      }
    }
    return;
  }
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Shape::kRegisters));
  if constexpr (Shape::kBlocks == 1) {
    for (int32_t unit = turn; unit < call.tail_units; unit += gridDim.x) {
      attend_tail<T, D, Groups * kWideThreads / 32, Eight>(call, memory + Shape::bytes(stages, raws), unit, wait);
    }
  }
  wait();
  const int tile = 4 * group;  // the group's first of the run's tiles
  const uint32_t mine = queries + group * kHalves * kChunkTile;
  const uint64_t query = wgmma::describe(mine);
  int32_t first_tile = 0;
  float sums[kHalves][32];
  Softmax softmax[2];
  const auto clear = [&] {
#pragma unroll
    for (int half = 0; half < kHalves; ++half) {
#pragma unroll
      for (int i = 0; i < 32; ++i) sums[half][i] = 0;
    }
    softmax[0] = softmax[1] = Softmax();
  };
  clear();
  const auto release = [&] {
    __syncwarp();
    if (threadIdx.x % 32 == 0) ptx::barrier_arrive(empty(place.stage));
    place.next(stages);
  };
  // Starts the scores of the chunk at a place of the ring.
  const auto start = [&](float(&scores)[8][4], const RingPlace& from) {
    ptx::barrier_wait(full(from.stage), from.parity);
    const uint64_t key = wgmma::describe(first_lane(ring + from.stage * Shape::kStage));
    float(&flat)[32] = reinterpret_cast<float(&)[32]>(scores);
    wgmma::fence();
#pragma unroll
    for (int s = 0; s < D / 16; ++s) {
      const uint64_t step = s / 4 * (kChunkTile / 16) + s % 4 * wgmma::kStep;
      wgmma::multiply_shared(flat, query + step, key + step, s > 0, T());
    }
    wgmma::commit();
  };
  // Takes the chunk whose scores are under way, and starts those of the next one, if it meets the same queries,
  // before its own weights.
  const auto take = [&](auto follows, float(&scores)[8][4], float(&later)[8][4]) {
    const Walk now = at;
    wgmma::wait<0>();
    wgmma::settle(reinterpret_cast<float(&)[32]>(scores));
    if constexpr (decltype(follows)::value) {
      RingPlace next = place;
      next.next(stages);
      start(later, next);
    }
    const float top[2] = {__fmul_rn(largest(scores, 0), call.scale), __fmul_rn(largest(scores, 1), call.scale)};
    uint32_t packed[8][2];
    weigh<T>(packed, scores, call.scale, top);
    Weights weights;
#pragma unroll
    for (int s = 0; s < kChunk / 16; ++s) {
#pragma unroll
      for (int i = 0; i < 4; ++i) weights[s][i] = packed[2 * s + i / 2][i % 2];
    }
    const uint64_t value = wgmma::describe(first_lane(ring + place.stage * Shape::kStage + kHalves * kChunkTile));
    float runs[kHalves][32];
    wgmma::fence();
#pragma unroll
    for (int half = 0; half < kHalves; ++half) {
#pragma unroll
      for (int s = 0; s < kChunk / 16; ++s) {
        wgmma::multiply_transposed(runs[half], weights[s], value + (half * kChunkTile + s * 16 * kTileRow) / 16, s > 0,
                                   T());
      }
      wgmma::commit();
    }
    Softmax chunk[2];
    chunk[0].top = top[0];
    chunk[1].top = top[1];
    sum_weights<T>(chunk, weights);
    const Factors by[2] = {fold(softmax[0], chunk[0]), fold(softmax[1], chunk[1])};
    const auto add = [&](int half) {
      wgmma::settle(runs[half]);
#pragma unroll
      for (int i = 0; i < 32; ++i) {
        const Factors& f = by[i / 2 % 2];
        sums[half][i] = fold_value(sums[half][i], runs[half][i], f.before, f.later);
      }
    };
    if constexpr (kHalves == 2) {
      wgmma::wait<1>();
      add(0);
    }
    wgmma::wait<0>();
    if constexpr (decltype(follows)::value) wgmma::settle(reinterpret_cast<float(&)[32]>(later));
    add(kHalves - 1);
    release();
    if (now.chunk + 1 == now.last) {
      if (tile + warp % 4 < call.run_tiles) {
        keep_tile(call, cut, now, first_tile + warp % 4, 0, reinterpret_cast<const float(&)[8 * kHalves][4]>(sums),
                  softmax);
      }
      clear();
    }
    at.next(call, cut);
  };
  while (at.more()) {
    const int32_t kv_head = at.kv_head, run = at.run;
    const auto same = [&](const Walk& one) { return one.more() && one.kv_head == kv_head && one.run == run; };
    first_tile = run * call.run_tiles + tile;
    if (tile >= call.run_tiles || first_tile >= call.tiles) {
      for (; same(at); at.next(call, cut)) {
        ptx::barrier_wait(full(place.stage), place.parity);
        release();
      }
      continue;
    }
    tile_barrier<4>(group);  // the queries before are read no more
    copy_queries<D, 64, 64, kWideThreads>(memory + (mine - ring), call, kv_head, run, 64 * group,
                                          threadIdx.x % kWideThreads);
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    tile_barrier<4>(group);
    float scores[2][8][4];
    start(scores[0], place);
    const auto follows = [&] {
      Walk next = at;
      next.next(call, cut);
      return same(next);
    };
    for (;;) {
      if (!follows()) {
        take(std::false_type(), scores[0], scores[1]);
        break;
      }
      take(std::true_type(), scores[0], scores[1]);
      if (!follows()) {
        take(std::false_type(), scores[1], scores[0]);
        break;
      }
      take(std::true_type(), scores[1], scores[0]);
    }
  }
}

#endif

}  // namespace smq

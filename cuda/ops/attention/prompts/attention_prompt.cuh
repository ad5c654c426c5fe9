// Causal attention of many rows on Hopper: a block takes 64 rows of one q head for each of its groups of four warps,
// and walks over the pairs from the last on, a tile at a time, which one warp has the copy engine bring into a ring of
// shared memory. Scores and sums are wgmma's; while a group weighs the scores of a tile, its sums of the tile before
// and the scores of the other group are under way. Deterministic; not bit for bit what the decoding kernels give.
#pragma once

#include <cuda.h>

#include "gemm/stream/stream.cuh"
#include "gemm/wgmma_128.cuh"
#include "ops/attention/attention.cuh"
#include "ops/attention/attention_math.cuh"
#include "ops/attention/attention_ring.cuh"

namespace smq {

constexpr int kPromptGroups = 2, kPromptRows = 64 * kPromptGroups;
constexpr int kPromptThreads = 128 * (kPromptGroups + 1);  // the last four warps copy
constexpr int kPromptPairs = 128;                          // of a tile

template <int D>
struct PromptShape {
  static constexpr int kStages = D == 64 ? 4 : 2;
  static constexpr int kHalves = D / 64;            // of 64 columns
  static constexpr int kQueryHalf = 64 * 128;       // bytes of 64 columns of a group's queries
  static constexpr int kHalf = kPromptPairs * 128;  // bytes of 64 columns of a tile of pairs
  static constexpr int kTile = kHalves * kHalf;
  static constexpr int kQueries = kPromptGroups * kHalves * kQueryHalf;
  static constexpr int kBarriers = 8 * (3 + 4 * kStages);
  static constexpr int kBytes = kQueries + 2 * kStages * kTile + kBarriers;
};

// The queries and the caches as the copy engine sees them: [rows or slots, heads * head_dim], boxes of 64 columns.
struct PromptMaps {
  CUtensorMap queries, keys, values;
};

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

namespace prompt {

// What a block computes at a time: the rows from `row` on of a head, with the pairs from `lowest` to `end`.
struct Work {
  int32_t head, row, lowest, end, tiles;

  // The longest first; blocks take them there and back, so that each gets long and short ones.
  __device__ __forceinline__ bool take(const AttentionArgs& args, int32_t length, int32_t round) {
    const int32_t block = blockIdx.x, blocks = gridDim.x;
    const int32_t item = round % 2 == 0 ? round * blocks + block : (round + 1) * blocks - 1 - block;
    const int32_t runs = (args.m + kPromptRows - 1) / kPromptRows;
    if (item >= args.heads * runs) return false;
    const int32_t run = item / args.heads;
    head = item - run * args.heads;
    row = (runs - 1 - run) * kPromptRows;
    end = row_count(args, length, min(row + kPromptRows, args.m) - 1);
    lowest = args.window > 0 ? max(0, row_count(args, length, row) - args.window) : 0;
    tiles = max(1, (end - lowest + kPromptPairs - 1) / kPromptPairs);
    return true;
  }
  // Tile 0 ends with the last pair that a row sees, so that no slot behind it is ever read.
  __device__ __forceinline__ int32_t base(int32_t tile) const { return end - (tile + 1) * kPromptPairs; }
};

// Hides the scores of pairs that rows g and g + 8 do not see: place p of the tile is seen from first on, up to end.
template <int N>
__device__ __forceinline__ void hide(float (&scores)[N], const int32_t (&first)[2], const int32_t (&end)[2]) {
#pragma unroll
  for (int i = 0; i < N; ++i) {
    const int place = i / 4 * 8 + i % 2, r = i / 2 % 2;
    if (place < first[r] || place >= end[r]) scores[i] = kNone;
  }
}

// Running softmax of rows g and g + 8; sums are this lane's part. Tops are scaled, and may lag behind the largest score
// by kLag powers of two: weights stay within what both dtypes hold, and sums seldom need another scale.
struct Running {
  float top[2] = {kNone, kNone};
  float sum[2] = {0, 0};
};
constexpr float kLag = 8;

// Makes weights of scores. Whether sums before must shrink, and by what.
template <int N>
__device__ __forceinline__ bool weigh(float (&scores)[N], float scale, Running& running, float (&shrink)[2]) {
  float most[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float tops[2] = {scores[2 * r], scores[2 * r + 1]};
#pragma unroll
    for (int i = 4; i < N; i += 4) {
      tops[0] = larger(tops[0], scores[i + 2 * r]);
      tops[1] = larger(tops[1], scores[i + 2 * r + 1]);
    }
    most[r] = larger(tops[0], tops[1]);
    most[r] = larger(most[r], __shfl_xor_sync(~0u, most[r], 1));
    most[r] = larger(most[r], __shfl_xor_sync(~0u, most[r], 2)) * scale;
  }
  const bool grew = most[0] > running.top[0] + kLag || most[1] > running.top[1] + kLag;
  const bool shrinks = __any_sync(~0u, grew);
  if (shrinks) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const float top = larger(running.top[r], most[r]);
      shrink[r] = top == kNone ? 1.0f : exp2_fast(running.top[r] - top);
      running.top[r] = top;
      running.sum[r] *= shrink[r];
    }
  }
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const float from = running.top[r] == kNone ? 0.0f : -running.top[r];
    float sums[2] = {0, 0};
#pragma unroll
    for (int i = 0; i < N; i += 4) {
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        float& score = scores[i + 2 * r + j];
        score = exp2_fast(fmaf(score, scale, from));
        sums[j] += score;
      }
    }
    running.sum[r] += sums[0] + sums[1];
  }
  return shrinks;
}

// Turns four lanes' parts of four 16-byte pieces, one register of each, so that each lane has a piece.
__device__ __forceinline__ void turn(uint32_t (&w)[4]) {
  const bool odd = threadIdx.x % 2 != 0, upper = threadIdx.x / 2 % 2 != 0;
#pragma unroll
  for (int j = 0; j < 4; j += 2) {
    const uint32_t other = __shfl_xor_sync(~0u, odd ? w[j] : w[j + 1], 1);
    if (odd) w[j] = other;
    else w[j + 1] = other;
  }
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const uint32_t other = __shfl_xor_sync(~0u, upper ? w[i] : w[i + 2], 2);
    if (upper) w[i] = other;
    else w[i + 2] = other;
  }
}

}  // namespace prompt

// Who may touch what: the copying warp waits for `empty` of a place in the ring, to which each computing warp arrives
// once its products have read it, before it copies there again; computing warps wait for `full`. Queries likewise.
template <class T, int D>
__device__ __forceinline__ void attend_prompt(const AttentionArgs& args, const PromptMaps& maps, uint8_t* memory) {
  using Shape = PromptShape<D>;
  constexpr int P = kPromptPairs, kStages = Shape::kStages, kHalves = Shape::kHalves;
  const uint32_t queries = ptx::shared_address(memory), keys = queries + Shape::kQueries;
  const uint32_t values = keys + kStages * Shape::kTile, barriers = values + kStages * Shape::kTile;
  const uint32_t queries_full = barriers, queries_empty = barriers + 8, aside = barriers + 16;
  const auto key_full = [&](int stage) { return barriers + 24 + 32 * stage; };
  const auto key_empty = [&](int stage) { return barriers + 32 + 32 * stage; };
  const auto value_full = [&](int stage) { return barriers + 40 + 32 * stage; };
  const auto value_empty = [&](int stage) { return barriers + 48 + 32 * stage; };
  if (threadIdx.x == 0) {
    ptx::barrier_init(queries_full, 1);
    ptx::barrier_init(queries_empty, 4 * kPromptGroups);
    ptx::barrier_init(aside, 1);
    for (int stage = 0; stage < kStages; ++stage) {
      ptx::barrier_init(key_full(stage), 1);
      ptx::barrier_init(key_empty(stage), 4 * kPromptGroups);
      ptx::barrier_init(value_full(stage), 1);
      ptx::barrier_init(value_empty(stage), 4 * kPromptGroups);
    }
    ptx::barrier_init_fence();
  }
  __syncthreads();
  wait_for_previous();
  let_next_start();
  const int warp = first_lane(threadIdx.x / 32), group = warp / 4, lane = threadIdx.x % 32;
  const int32_t length = committed(args);
  prompt::Work work;

  if (group == kPromptGroups) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
    if (warp % 4 == 0) {
      RingPlace key, value;
      int turned = 0;  // parity of `aside`
      for (int32_t round = 0; work.take(args, length, round); ++round) {
        const int32_t column = work.head / args.group() * D;
        // Copies a tile to a place in the ring, which `barrier` then waits for.
        const auto copy = [&](uint32_t to, const CUtensorMap* map, int32_t base, uint32_t barrier) {
          if (lane == 0) {
            ptx::barrier_expect(barrier, Shape::kTile);
#pragma unroll
            for (int half = 0; half < kHalves; ++half) {
              ptx::box_copy(to + half * Shape::kHalf, map, column + 64 * half, base, barrier);
            }
          }
          __syncwarp();
        };
        ptx::barrier_wait(queries_empty, (round & 1) ^ 1);  // at once the first time
        if (lane == 0) {
          ptx::barrier_expect(queries_full, Shape::kQueries);
          for (int g = 0; g < kPromptGroups; ++g) {
#pragma unroll
            for (int half = 0; half < kHalves; ++half) {
              ptx::box_copy(queries + (g * kHalves + half) * Shape::kQueryHalf, &maps.queries,
                            work.head * D + 64 * half, work.row + 64 * g, queries_full);
            }
          }
        }
        __syncwarp();
        for (int32_t tile = 0; tile <= work.tiles; ++tile) {
          if (tile < work.tiles) {
            ptx::barrier_wait(key_empty(key.stage), key.parity ^ 1);
            copy(keys + key.stage * Shape::kTile, &maps.keys, work.base(tile), key_full(key.stage));
            key.next(kStages);
          }
          if (tile == 0) continue;
          const int32_t base = work.base(tile - 1);
          const uint32_t to = values + value.stage * Shape::kTile;
          ptx::barrier_wait(value_empty(value.stage), value.parity ^ 1);
          if (base >= work.lowest || work.lowest == 0) {
            copy(to, &maps.values, base, value_full(value.stage));
          } else {
            // Values that no row sees may be anything, and times a weight of zero must be zero.
            copy(to, &maps.values, base, aside);
            ptx::barrier_wait(aside, turned);
            turned ^= 1;
            for (int unit = lane; unit < (work.lowest - base) * 8; unit += 32) {
#pragma unroll
              for (int half = 0; half < kHalves; ++half) {
                asm volatile("st.shared.v4.b32 [%0], {%1, %1, %1, %1};" ::"r"(to + half * Shape::kHalf + 16 * unit),
                             "r"(0)
                             : "memory");
              }
            }
            asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
            __syncwarp();
            if (lane == 0) ptx::barrier_arrive(value_full(value.stage));
          }
          value.next(kStages);
        }
      }
    }
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 240;");
    const int g = lane / 4, t = lane % 4;
    const uint64_t query = wgmma::describe(queries + group * kHalves * Shape::kQueryHalf);
    RingPlace key, value;
    float scores[P / 2];
    float sums[D / 2];
    uint32_t weights[P / 16][4];
    const auto release = [&](uint32_t barrier) {
      if (lane == 0) ptx::barrier_arrive(barrier);
    };
    const auto start_scores = [&] {
      const uint64_t from = wgmma::describe(first_lane(keys + key.stage * Shape::kTile));
#pragma unroll
      for (int s = 0; s < D / 16; ++s) {
        wgmma::multiply_shared(scores, query + s / 4 * (Shape::kQueryHalf / 16) + s % 4 * wgmma::kStep,
                               from + s / 4 * (Shape::kHalf / 16) + s % 4 * wgmma::kStep, s > 0, T());
      }
      wgmma::commit();
    };
    const auto start_sums = [&](bool keep) {
      const uint64_t from =
          wgmma::describe_columns(first_lane(values + value.stage * Shape::kTile), Shape::kHalf);
#pragma unroll
      for (int s = 0; s < P / 16; ++s) {
        wgmma::multiply_transposed(sums, weights[s], from + s * (16 * 128 / 16), keep || s > 0, T());
      }
      wgmma::commit();
    };
    const auto pack = [&] {
#pragma unroll
      for (int s = 0; s < P / 16; ++s) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          weights[s][i] = HalfMath<T>::pack(scores[8 * s + 2 * i], scores[8 * s + 2 * i + 1]);
        }
      }
    };
    for (int32_t round = 0; work.take(args, length, round); ++round) {
      const int32_t row = work.row + 64 * group;  // the group's first
      // Pairs that all of the group's rows see.
      const int32_t all_end = row_count(args, length, row);
      const int32_t all_first = args.window > 0 ? max(0, row_count(args, length, row + 63) - args.window) : 0;
      int32_t count[2], first[2];
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        count[r] = row_count(args, length, row + 16 * (warp % 4) + g + 8 * r);
        first[r] = args.window > 0 ? max(0, count[r] - args.window) : 0;
      }
      prompt::Running running;
      float shrink[2];
      const auto weigh = [&](int32_t tile) {
        const int32_t base = work.base(tile);
        if (base + P > all_end || base < all_first) {
          const int32_t from[2] = {first[0] - base - 2 * t, first[1] - base - 2 * t};
          const int32_t to[2] = {count[0] - base - 2 * t, count[1] - base - 2 * t};
          prompt::hide(scores, from, to);
        }
        return prompt::weigh(scores, args.scale, running, shrink);
      };

      ptx::barrier_wait(queries_full, round & 1);
      ptx::barrier_wait(key_full(key.stage), key.parity);
      wgmma::fence();
      start_scores();
      wgmma::wait<0>();
      wgmma::settle(scores);
      release(key_empty(key.stage));
      key.next(kStages);
      if (work.tiles == 1 && lane == 0) ptx::barrier_arrive(queries_empty);
      weigh(0);
      pack();
#pragma unroll 1
      for (int32_t tile = 1; tile < work.tiles; ++tile) {
        ptx::barrier_wait(key_full(key.stage), key.parity);
        wgmma::fence();
        start_scores();
        ptx::barrier_wait(value_full(value.stage), value.parity);
        wgmma::fence();
        start_sums(tile > 1);
        wgmma::wait<1>();
        wgmma::settle(scores);
        release(key_empty(key.stage));
        key.next(kStages);
        if (tile + 1 == work.tiles && lane == 0) ptx::barrier_arrive(queries_empty);
        const bool shrinks = weigh(tile);
        wgmma::settle(scores);
        // Two waits, each in a branch, which the compiler does not bring forward to before the weights.
        if (shrinks) {
          wgmma::wait<0>();
          wgmma::settle(sums);
#pragma unroll
          for (int i = 0; i < D / 2; ++i) sums[i] *= shrink[i / 2 % 2];
        } else {
          asm volatile("wgmma.wait_group.sync.aligned 0; // no shrinking" ::: "memory");
          wgmma::settle(sums);
        }
        release(value_empty(value.stage));
        value.next(kStages);
        pack();
      }
      ptx::barrier_wait(value_full(value.stage), value.parity);
      wgmma::fence();
      start_sums(work.tiles > 1);
      wgmma::wait<0>();
      wgmma::settle(sums);
      release(value_empty(value.stage));
      value.next(kStages);

#pragma unroll
      for (int r = 0; r < 2; ++r) {
        float sum = running.sum[r];
        sum += __shfl_xor_sync(~0u, sum, 1);
        sum += __shfl_xor_sync(~0u, sum, 2);
        const float inverse = running.top[r] == kNone ? 0.0f : 1.0f / sum;
        const int32_t at = row + 16 * (warp % 4) + g + 8 * r;
        uint16_t* const to =
            static_cast<uint16_t*>(args.out) + (int64_t(at) * args.heads + work.head) * D + 8 * t;
#pragma unroll
        for (int c = 0; c < D / 32; ++c) {
          uint32_t piece[4];
#pragma unroll
          for (int j = 0; j < 4; ++j) {
            const float* const pair = sums + 4 * (4 * c + j) + 2 * r;
            piece[j] = HalfMath<T>::pack(pair[0] * inverse, pair[1] * inverse);
          }
          prompt::turn(piece);
          if (at < args.m) *reinterpret_cast<uint4*>(to + 32 * c) = make_uint4(piece[0], piece[1], piece[2], piece[3]);
        }
      }
    }
  }
}

#endif

template <class T, int D>
__global__ void __launch_bounds__(kPromptThreads, 1)
    prompt_kernel(const __grid_constant__ AttentionArgs args, const __grid_constant__ PromptMaps maps) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) uint8_t tiles[];
  attend_prompt<T, D>(args, maps, tiles);
#endif
}

}  // namespace smq

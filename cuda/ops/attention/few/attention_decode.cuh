// Attention of few rows over a long cache, of the chunks that all rows see whole. A block streams a span's chunks of
// one kv head through a ring of shared memory and meets each with all query rows (rows x the q heads that share the
// kv head), 16 of them a tile: up to four tiles are shared by two to eight warps each, by pairs for the scores and by
// outputs for the values; more have a warp for themselves, or one for two. All give the same bits: what a chunk gives
// depends on its pairs and the query alone (attention_chunk.cuh), and is folded into the span's sums in registers,
// one chunk after the other. What lies behind these chunks has blocks of its own (attention_tail.cuh).
#pragma once

#include <type_traits>

#include "ops/attention/attention_eight.cuh"
#include "ops/attention/few/attention_tail.cuh"
#include "ops/attention/few/attention_units.cuh"

namespace smq {

constexpr int kAttendWarps = 8, kAttendThreads = 32 * kAttendWarps;

// How the warps of a block share its tiles: Sharers warps a tile, or Tiles tiles a warp. Eight: of a cache in 8 bits, of
// which `Chunks` chunks at a time go from the ring into tiles of their own before they are met; what a block does with
// one takes longer than the memory takes to bring it.
template <int D, int Sharers, int Tiles, bool Eight = false, int Chunks = 1>
struct AttendShape {
  static_assert(Sharers == 1 || Tiles == 1, "a warp has one tile or more");
  static constexpr int kTiles = kAttendWarps / Sharers * Tiles;
  static constexpr int kPairs = kChunk / Sharers, kOutputs = D / Sharers;  // of a warp
  static constexpr int kRow = 2 * D;                // bytes of a key, of a value, of a query
  static constexpr int kChunkBytes = 2 * kChunk * kRow;  // keys, then values
  static constexpr int kOneStage = Eight ? 2 * EightHalf<D>::kBytes : kChunkBytes;  // of one chunk
  static constexpr int kStage = Chunks * kOneStage;
  static constexpr int kQueries = kTiles * kTileRows * kRow;
  static constexpr int kTops = Chunks * kAttendWarps * kTileRows * int(sizeof(float));
  static constexpr int kWidened = Eight ? Chunks * kChunkBytes : 0;
  static constexpr int kShared = kWidened + (Sharers == 1 ? 0 : Chunks * kTiles * kWeightBytes + kTops);
  static constexpr int kBlocks = Sharers == 1 ? 1 : 2;  // that a multiprocessor has registers for
  static constexpr int bytes(int stages) { return kQueries + kShared + stages * kStage; }
};

// Starts the copies of a chunk into a stage.
template <int D>
__device__ __forceinline__ void copy_chunk(uint32_t stage, const AttentionArgs& args, int32_t kv_head, int32_t chunk,
                                           int32_t lowest) {
  constexpr int kUnitsRow = D / 8, kApart = kAttendThreads / kUnitsRow;
  const int unit = threadIdx.x % kUnitsRow, first = threadIdx.x / kUnitsRow;
  const int64_t row = args.kv_row();
  int64_t offset = (int64_t(chunk) * kChunk + first) * row + int64_t(kv_head) * args.head_dim + 8 * unit;
  const bool column = 8 * unit < args.head_dim;
  const uint16_t* const keys = static_cast<const uint16_t*>(args.k_cache);
  const uint16_t* const values = static_cast<const uint16_t*>(args.v_cache);
#pragma unroll
  for (int pair = first; pair < kChunk; pair += kApart, offset += kApart * row) {
    const bool wanted = column && chunk * kChunk + pair >= lowest;  // never a slot that no row may see
    const uint32_t to = stage + unit / 8 * kChunkTile + swizzled(pair, unit % 8);
    ptx::copy16(to, keys + (wanted ? offset : 0), wanted ? 16 : 0);
    ptx::copy16(to + kChunk * 2 * D, values + (wanted ? offset : 0), wanted ? 16 : 0);
  }
}

// Waits until at most so many groups of copies are under way.
__device__ __forceinline__ void wait_copies(int under_way) {
  switch (under_way) {
    case 0: asm volatile("cp.async.wait_group 0;" ::: "memory"); break;
    case 1: asm volatile("cp.async.wait_group 1;" ::: "memory"); break;
    case 2: asm volatile("cp.async.wait_group 2;" ::: "memory"); break;
    default: asm volatile("cp.async.wait_group 3;" ::: "memory"); break;
  }
}
constexpr int kMostStages = 5;

// What a warp keeps of its tiles from chunk to chunk of a unit.
template <class T, int D, int Sharers, int Tiles>
struct TileSums {
  using Shape = AttendShape<D, Sharers, Tiles>;
  static constexpr int kBlocks = Shape::kPairs / 8, kOutputs = Shape::kOutputs / 8;
  float values[Tiles][kOutputs][4];
  Softmax softmax[Tiles][2];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int e = 0; e < Tiles; ++e) {
      softmax[e][0] = softmax[e][1] = Softmax();
#pragma unroll
      for (int j = 0; j < kOutputs; ++j) {
#pragma unroll
        for (int i = 0; i < 4; ++i) values[e][j][i] = 0;
      }
    }
  }

  // Takes `Chunks` chunks, of which there is room for `Most` in `shared`. stage: keys and values of one after the other;
  // queries: of the warp's tiles; shared: the tiles' weights, then the warps' largest scores; hide: whether rows g and
  // g + 8 see pairs from `first` up to `end` alone. Several chunks go through the barriers of one.
  template <int Chunks = 1, int Most = 1>
  __device__ __forceinline__ void take(const uint8_t* stage, const uint8_t* queries, uint8_t* shared, float scale,
                                       bool hide, const int32_t (&first)[Tiles][2], int32_t end) {
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    const int tile = Shape::kTiles == 1 ? 0 : warp / Sharers, place = warp % Sharers;
    float scores[Chunks][Tiles][kBlocks][4] = {};
    {
      const uint32_t keys = ptx::shared_address(stage) + place * Shape::kPairs * kTileRow;
      const uint32_t rows = ptx::shared_address(queries);
#pragma unroll
      for (int s = 0; s < D / 32; ++s) {
        uint32_t query[Tiles][2][4];
#pragma unroll
        for (int e = 0; e < Tiles; ++e) {
#pragma unroll
          for (int step = 0; step < 2; ++step) {
            ptx::load_matrix4(query[e][step], rows + e * kTileRows * Shape::kRow + s / 2 * kTileRows * kTileRow +
                                                  swizzled(lane % 16, s % 2 * 4 + 2 * step + lane / 16));
          }
        }
#pragma unroll
        for (int c = 0; c < Chunks; ++c) {
#pragma unroll
          for (int n = 0; n < kBlocks; ++n) {
            uint32_t key[4];
            load_rows(key, keys + c * Shape::kChunkBytes + s / 2 * kChunkTile, n, s % 2);
#pragma unroll
            for (int step = 0; step < 2; ++step) {
#pragma unroll
              for (int e = 0; e < Tiles; ++e) {
                ptx::mma(scores[c][e][n], query[e][step], key[2 * step], key[2 * step + 1], T());
              }
            }
          }
        }
      }
    }
    Softmax chunk[Chunks][Tiles][2];
    Weights weights[Chunks][Tiles];
    float* const tops = reinterpret_cast<float*>(shared + Most * Shape::kTiles * kWeightBytes);
    constexpr int kTopsApart = kAttendWarps * kTileRows;
#pragma unroll
    for (int e = 0; e < Tiles; ++e) {
      float top[Chunks][2];
#pragma unroll
      for (int c = 0; c < Chunks; ++c) {
        if (hide) {
          const int32_t before = c * kChunk + place * Shape::kPairs;
          const int32_t from[2] = {first[e][0] - before, first[e][1] - before};
          hide_scores(scores[c][e], from, end - place * Shape::kPairs);
        }
        top[c][0] = __fmul_rn(largest(scores[c][e], 0), scale);
        top[c][1] = __fmul_rn(largest(scores[c][e], 1), scale);
      }
      uint32_t mine[Chunks][kBlocks][2];
      if constexpr (Sharers > 1) {
#pragma unroll
        for (int c = 0; c < Chunks; ++c) {
          if (t < 2) tops[c * kTopsApart + warp * kTileRows + g + 8 * t] = t == 0 ? top[c][0] : top[c][1];
        }
        tile_barrier<Sharers>(tile);
#pragma unroll
        for (int c = 0; c < Chunks; ++c) {
#pragma unroll
          for (int w = 0; w < Sharers; ++w) {
#pragma unroll
            for (int r = 0; r < 2; ++r) {
              const float other = tops[c * kTopsApart + (tile * Sharers + w) * kTileRows + g + 8 * r];
              top[c][r] = w == 0 ? other : larger(top[c][r], other);
            }
          }
          weigh<T>(mine[c], scores[c][e], scale, top[c]);
          keep_weights(shared + (c * Shape::kTiles + tile) * kWeightBytes, mine[c], place * kBlocks);
        }
        tile_barrier<Sharers>(tile);
#pragma unroll
        for (int c = 0; c < Chunks; ++c) load_weights(weights[c][e], shared + (c * Shape::kTiles + tile) * kWeightBytes);
      } else {
#pragma unroll
        for (int c = 0; c < Chunks; ++c) {
          weigh<T>(mine[c], scores[c][e], scale, top[c]);
#pragma unroll
          for (int s = 0; s < kChunk / 16; ++s) {
#pragma unroll
            for (int i = 0; i < 4; ++i) weights[c][e][s][i] = mine[c][2 * s + i / 2][i % 2];
          }
        }
      }
#pragma unroll
      for (int c = 0; c < Chunks; ++c) {
        chunk[c][e][0].top = top[c][0];
        chunk[c][e][1].top = top[c][1];
        sum_weights<T>(chunk[c][e], weights[c][e]);
      }
    }
#pragma unroll
    for (int c = 0; c < Chunks; ++c) {
      Factors by[Tiles][2];
#pragma unroll
      for (int e = 0; e < Tiles; ++e) {
#pragma unroll
        for (int r = 0; r < 2; ++r) by[e][r] = fold(softmax[e][r], chunk[c][e][r]);
      }
      const uint32_t rows = ptx::shared_address(stage) + c * Shape::kChunkBytes + kChunk * Shape::kRow;
#pragma unroll
      for (int j = 0; j < kOutputs; ++j) {
        uint32_t operands[kChunk / 16][2];
        const int unit = place * kOutputs + j;
        const uint32_t at = rows + unit / 8 * kChunkTile + swizzled(lane, unit % 8);
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                       : "=r"(operands[2 * half][0]), "=r"(operands[2 * half][1]), "=r"(operands[2 * half + 1][0]),
                         "=r"(operands[2 * half + 1][1])
                       : "r"(at + half * 32 * kTileRow)
                       : "memory");
        }
#pragma unroll
        for (int e = 0; e < Tiles; ++e) {
          float run[4];
          weigh_values<T>(run, weights[c][e], operands);
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            values[e][j][i] = fold_value(values[e][j][i], run[i], by[e][i / 2].before, by[e][i / 2].later);
          }
        }
      }
    }
  }
};

// Early: the kernel before is the rotation of this forward's rows, which writes behind the committed slots alone, and
// all kernels before that have ended. So the length and pairs of committed slots are read at once, and a block
// without work leaves at once: it would keep a product waiting for its registers and its shared memory. Blocks of the
// first units wait in any case: what comes behind knows of the kernels before this one by that.
// `block` of `blocks`: of those of this forward.
template <class T, int D, int Sharers, int Tiles, bool Eight, int Chunks>
__device__ __forceinline__ void attend_spans(const DecodeCall& call, uint8_t* memory, int stages, bool early,
                                             int32_t block, int32_t blocks) {
  using Shape = AttendShape<D, Sharers, Tiles, Eight, Chunks>;
  const AttentionArgs& args = call.args;
  bool waited = false;
  const auto wait = [&] {
    if (waited) return;
    wait_for_previous();
    let_next_start();
    waited = true;
  };
  if (!early) wait();
  if (block < call.tail_units) {
    attend_tail<T, D, kAttendWarps, Eight>(call, memory, block, wait);
    return;
  }
  const Cut cut(call);
  Walk at(call, cut, block - call.tail_units, blocks - call.tail_units);
  if (!at.more()) return;
  uint8_t* const queries = memory;
  uint8_t* const widened = queries + Shape::kQueries;
  uint8_t* const shared = widened + Shape::kWidened;
  uint8_t* const ring = widened + Shape::kShared;
  const uint32_t ring_address = uint32_t(__cvta_generic_to_shared(ring));
  Walk ahead = at;
  int to = 0;
  const auto copy = [&] {
    if (ahead.more()) {
      const int32_t unit = ahead.unit;
#pragma unroll
      for (int c = 0; c < Chunks && ahead.more() && ahead.unit == unit; ++c) {
        if ((ahead.chunk + 1) * kChunk > cut.length) wait();  // some pair is of this forward
        const uint32_t stage = ring_address + to * Shape::kStage + c * Shape::kOneStage;
        if constexpr (Eight) {
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            copy_half<D, kAttendThreads>(stage + half * EightHalf<D>::kBytes, half ? args.v_cache : args.k_cache, args,
                                         ahead.kv_head, ahead.chunk, cut.lowest, threadIdx.x);
          }
        } else {
          copy_chunk<D>(stage, args, ahead.kv_head, ahead.chunk, cut.lowest);
        }
        ahead.next(call, cut);
      }
      if (++to == stages) to = 0;
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
  };
  for (int stage = 0; stage < max(1, stages - 1); ++stage) copy();
  wait();
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4;
  const int tile = warp / Sharers * Tiles;  // the warp's first of the run's tiles
  TileSums<T, D, Sharers, Tiles> sums;
  int32_t held_head = -1, held_run = -1, first_tile = 0;
  bool active = false, begun = false;
  for (int from = 0; at.more();) {
    if (at.kv_head != held_head || at.run != held_run) {
      __syncthreads();  // the queries before are read no more
      copy_queries<D, Shape::kTiles * kTileRows, kTileRows, kAttendThreads>(queries, call, at.kv_head, at.run, 0,
                                                                           threadIdx.x);
      held_head = at.kv_head, held_run = at.run;
      first_tile = at.run * call.run_tiles + tile;
      active = tile < call.run_tiles && first_tile < call.tiles;
    }
    wait_copies(max(0, stages - 2));
    __syncthreads();
    if (stages > 1) copy();  // into the stage that the last round read
    const int count = Chunks == 1 ? 1 : min(Chunks, at.last - at.chunk);
    const uint8_t* chunk = ring + from * Shape::kStage;
    if constexpr (Eight) {
#pragma unroll
      for (int c = 0; c < Chunks; ++c) {
        if (c == count) break;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          widen_half<T, D, kAttendThreads>(widened + (2 * c + half) * kChunk * Shape::kRow,
                                           chunk + c * Shape::kOneStage + half * EightHalf<D>::kBytes, args, at.kv_head,
                                           threadIdx.x);
        }
      }
      __syncthreads();
      if (stages == 1) copy();
      chunk = widened;
    }
    if (active) {
      if (!begun) sums.clear();
      int32_t first[Tiles][2] = {};
      if (args.window > 0) {
#pragma unroll
        for (int e = 0; e < Tiles; ++e) {
#pragma unroll
          for (int r = 0; r < 2; ++r) {
            const int32_t packed = min((first_tile + e) * kTileRows + g + 8 * r, call.rows - 1);
            first[e][r] = row_count(args, cut.length, call.group.quotient(packed)) - args.window - at.chunk * kChunk;
          }
        }
      }
      const auto take = [&](auto chunks) {
        sums.template take<decltype(chunks)::value, Chunks>(chunk, queries + tile * kTileRows * Shape::kRow, shared,
                                                            call.scale, args.window > 0, first, kChunk);
      };
      if (Chunks > 1 && count > 1) take(std::integral_constant<int, Chunks>());
      else take(std::integral_constant<int, 1>());
      begun = at.chunk + count < at.last;
      if (!begun) {
#pragma unroll
        for (int e = 0; e < Tiles; ++e) {
          if (tile + e >= call.run_tiles) break;  // that is the next run's
          keep_tile(call, cut, at, first_tile + e, warp % Sharers * Shape::kOutputs, sums.values[e], sums.softmax[e]);
        }
      }
    }
    for (int c = 0; c < count; ++c) at.next(call, cut);
    if (++from == stages) from = 0;
    if (!Eight && stages == 1 && at.more()) {
      __syncthreads();
      copy();
    }
  }
}

}  // namespace smq

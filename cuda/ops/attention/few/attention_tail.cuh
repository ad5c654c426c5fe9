// Attention of few rows, of what lies behind the chunks that all rows see whole: a started chunk, and a tree's rows,
// of which each row sees others. A block takes one kv head and as many rows as fill a tile of query rows. Scores of
// these rows and all pairs there are made once, as one product; then each row's weights and values are gathered, by
// the places of its list, and multiplied as those of any other chunk. Masks of several words, wide heads and rows of
// many q heads have a block for each row, which copies the pairs in the order of the row's list.
#pragma once

#include "ops/attention/attention_eight.cuh"

namespace smq {

template <int D>
struct TailShape {
  static constexpr int kPairs = D <= 128 ? 2 * kChunk : kChunk;  // in shared memory at once
  static constexpr int kStage = 4 * kChunk * D;                  // keys, then values, of a chunk
  static constexpr int kScores = kPairs + 8;  // a row of scores: so that writers do not meet in a bank
  static constexpr int kQueries = kPairs / kChunk * kStage;      // offsets
  static constexpr int kZeros = kQueries + kTileRows * 2 * D;
  static constexpr int kScoresAt = kZeros + kTileRow;
  static constexpr int kPlaces = kScoresAt + kTileRows * kScores * int(sizeof(float));
  static constexpr int kLists = kPlaces + kTileRows * kPairs * int(sizeof(int16_t));
  static constexpr int kBytes = kLists + kTileRows * 2 * int(sizeof(int32_t));
};

// `unit`: of call.tail_units. wait(): for the kernels before, which write rows and pairs of this forward; masks and
// the length are there before.
template <class T, int D, int Warps, bool Eight, class Wait>
__device__ __forceinline__ void attend_tail(const DecodeCall& call, uint8_t* memory, int32_t unit, Wait&& wait) {
  using Shape = TailShape<D>;
  constexpr int kThreads = 32 * Warps, kUnitsRow = D / 8;
  const auto block_barrier = [] { asm volatile("bar.sync 15, %0;" ::"n"(kThreads) : "memory"); };
  const AttentionArgs& args = call.args;
  const Cut cut(call);
  const int32_t group = call.group.divisor;
  int32_t rest = unit, head = 0;
  if (call.head_tiles > 1) {
    rest = unit / call.head_tiles;
    head = (unit - rest * call.head_tiles) * kTileRows;
  }
  const int32_t tile = call.kv_heads.quotient(rest), kv_head = rest - tile * args.kv_heads;
  const int32_t first = tile * call.tail_rows, rows = min(call.tail_rows, args.m - first);
  const int32_t heads = min(group - head, kTileRows);  // of a row
  const int thread = threadIdx.x, warp = thread / 32, lane = thread % 32, g = lane / 4, t = lane % 4;
  int32_t* const lists = reinterpret_cast<int32_t*>(memory + Shape::kLists);  // start and count of each row
  block_barrier();  // what a unit before left is read no more
  if (thread < rows) {
    const int32_t count = row_count(args, cut.length, first + thread);
    lists[2 * thread] = args.window > 0 ? max(0, count - args.window) : 0;
    lists[2 * thread + 1] = count;
  }
  if (thread < kTileRow / 16) reinterpret_cast<uint4*>(memory + Shape::kZeros)[thread] = make_uint4(0, 0, 0, 0);
  block_barrier();
  int32_t most = 0;  // of the rows' counts
  for (int32_t r = 0; r < rows; ++r) most = max(most, lists[2 * r + 1]);
  const int32_t base = cut.shared * kChunk;
  const int unit16 = thread % kUnitsRow;
  const int64_t row_stride = args.kv_row();
  const bool column = 8 * unit16 < args.head_dim;
  int16_t* const places = reinterpret_cast<int16_t*>(memory + Shape::kPlaces);
  float* const all_scores = reinterpret_cast<float*>(memory + Shape::kScoresAt);
  const uint32_t shared = ptx::shared_address(memory);
  const int64_t at_head = int64_t(kv_head) * args.head_dim + 8 * unit16;
  const uint16_t* const keys = static_cast<const uint16_t*>(args.k_cache) + at_head;
  const uint16_t* const values = static_cast<const uint16_t*>(args.v_cache) + at_head;
  // One round, but where one row's pairs are copied in its order.
  for (int32_t from = base; from < most; from += Shape::kPairs) {
    // Where each place of a row's list lies here, or -1.
    for (int32_t at = thread; at < rows * Shape::kPairs; at += kThreads) {
      const int32_t r = at / Shape::kPairs, place = at % Shape::kPairs, index = from + place;
      const bool tree = call.tail_dense && args.mask && index >= cut.length;  // below
      places[at] = int16_t(!tree && index >= lists[2 * r] && index < lists[2 * r + 1] ? place : -1);
    }
    if (call.tail_dense && args.mask) {
      block_barrier();
      for (int32_t at = thread; at < rows * 64; at += kThreads) {
        const int32_t r = at / 64, bit = at % 64;
        const uint64_t word = args.mask[first + r];
        const int32_t index = cut.length + __popcll(word & ((uint64_t(1) << bit) - 1));
        if ((word >> bit & 1) && index >= lists[2 * r] && index < lists[2 * r + 1]) {
          places[r * Shape::kPairs + index - base] = int16_t(cut.length + bit - base);
        }
      }
    }
    // Chunks that some row has, and pairs that are copied.
    const int chunks = min(Shape::kPairs, most - from + kChunk - 1) / kChunk;
    int32_t end = most;  // of slots, where all are copied as they lie
    if (args.mask && call.tail_dense) {
      end = cut.length;
      for (int32_t r = 0; r < rows; ++r) {
        const uint64_t word = args.mask[first + r];
        if (word != 0) end = max(end, cut.length + 64 - __clzll(static_cast<long long>(word)));
      }
      end = min(end, args.slots);
    }
    const int pairs = call.tail_dense ? (end - base + kChunk - 1) / kChunk * kChunk : chunks * kChunk;
    // Where queries are is worked out before the wait, and asked for behind it before all else, in the first round.
    constexpr int kTurns = (kTileRows * kUnitsRow + kThreads - 1) / kThreads;
    const uint16_t* from_query[kTurns];
    bool has_query[kTurns];
#pragma unroll
    for (int turn = 0; turn < kTurns; ++turn) {
      const int row = (thread + turn * kThreads) / kUnitsRow, r = row / heads, h = row - r * heads;
      has_query[turn] = from == base && r < rows && column;
      from_query[turn] = static_cast<const uint16_t*>(args.qkv) + (first + min(r, rows - 1)) * args.qkv_row() +
                         (int64_t(kv_head) * group + head + h) * args.head_dim + 8 * unit16;
    }
    wait();
    uint4 queries[kTurns];
#pragma unroll
    for (int turn = 0; turn < kTurns; ++turn) queries[turn] = load_query(from_query[turn], has_query[turn], call.turned);
    const auto slot_of = [&](int pair) {  // -1 where there is none
      int32_t slot = base + pair;
      if (!call.tail_dense) {
        const int32_t index = from + pair;
        slot = index >= lists[0] && index < lists[1] ? row_slot(args, cut.length, first, index) : -1;
      }
      return slot;
    };
    if constexpr (Eight) {
      copy_pairs<T, D, kThreads, Shape::kStage>(memory, args, kv_head, pairs, [&](int pair) {
        const int32_t slot = slot_of(pair);
        return !call.tail_dense || slot < end ? slot : -1;
      });
    } else {
#pragma unroll 4
      for (int pair = thread / kUnitsRow; pair < pairs; pair += kThreads / kUnitsRow) {
        const int32_t slot = slot_of(pair);
        const bool wanted = column && slot >= 0 && (!call.tail_dense || slot < end);
        const uint32_t to = shared + pair / kChunk * Shape::kStage + unit16 / 8 * kChunkTile +
                            swizzled(pair % kChunk, unit16 % 8);
        const int64_t offset = wanted ? slot * row_stride : 0;
        ptx::copy16(to, keys + offset - (wanted ? 0 : 8 * unit16), wanted ? 16 : 0);
        ptx::copy16(to + kChunk * 2 * D, values + offset - (wanted ? 0 : 8 * unit16), wanted ? 16 : 0);
      }
    }
    if (from == base) {
#pragma unroll
      for (int turn = 0; turn < kTurns; ++turn) {
        const int row = (thread + turn * kThreads) / kUnitsRow;
        if (row >= kTileRows) continue;
        *reinterpret_cast<uint4*>(memory + Shape::kQueries + unit16 / 8 * (kTileRows * kTileRow) +
                                  swizzled(row, unit16 % 8)) = queries[turn];
      }
    }
    ptx::commit_copies();
    ptx::wait_copies<0>();
    block_barrier();
    // All scores.
    uint32_t query[D / 16][4];
#pragma unroll
    for (int s = 0; s < D / 16; ++s) {
      ptx::load_matrix4(query[s], shared + Shape::kQueries + s / 4 * kTileRows * kTileRow +
                                      swizzled(lane % 16, s % 4 * 2 + lane / 16));
    }
#pragma unroll 2
    for (int n = warp; n < pairs / 8; n += Warps) {
      float scores[1][4] = {};
#pragma unroll
      for (int s = 0; s < D / 32; ++s) {
        uint32_t key[4];
        load_rows(key, shared + n / 8 * Shape::kStage + s / 2 * kChunkTile, n % 8, s % 2);
        ptx::mma(scores[0], query[2 * s], key[0], key[1], T());
        ptx::mma(scores[0], query[2 * s + 1], key[2], key[3], T());
      }
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        *reinterpret_cast<float2*>(all_scores + (g + 8 * r) * Shape::kScores + 8 * n + 2 * t) =
            make_float2(scores[0][2 * r], scores[0][2 * r + 1]);
      }
    }
    block_barrier();
    // A warp takes one chunk of a row, or a part of the outputs of one.
    int halvings = 0;
    while ((2 << halvings) * rows * chunks <= Warps) ++halvings;
    for (int item = warp; item < rows * chunks << halvings; item += Warps) {
      const int part = item & ((1 << halvings) - 1), whole = item >> halvings;
      const int r = chunks == 1 ? whole : whole / chunks, c = whole - r * chunks;
      const int32_t tail = (from - base) / kChunk + c;
      if (base + tail * kChunk >= lists[2 * r + 1]) continue;  // the row has fewer
      const int16_t* const row_places = places + r * Shape::kPairs + c * kChunk;
      float scores[8][4];
#pragma unroll
      for (int n = 0; n < 8; ++n) {
        const short2 two = *reinterpret_cast<const short2*>(row_places + 8 * n + 2 * t);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int at = i % 2 == 0 ? two.x : two.y;
          scores[n][i] = at >= 0 ? all_scores[(g + i / 2 * 8) * Shape::kScores + at] : kNone;
        }
      }
      const float top[2] = {__fmul_rn(largest(scores, 0), call.scale), __fmul_rn(largest(scores, 1), call.scale)};
      uint32_t mine[8][2];
      weigh<T>(mine, scores, call.scale, top);
      Weights weights;
#pragma unroll
      for (int s = 0; s < kChunk / 16; ++s) {
#pragma unroll
        for (int i = 0; i < 4; ++i) weights[s][i] = mine[2 * s + i / 2][i % 2];
      }
      Softmax softmax[2];
      softmax[0].top = top[0];
      softmax[1].top = top[1];
      sum_weights<T>(softmax, weights);
      // Of rows g and g + 8 of the tile those that are this row's.
      float* to[2];
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const int row = g + 8 * e, h = row - r * heads;
        to[e] = nullptr;
        if (h < 0 || h >= heads) continue;
        const int64_t index = call.pieces.tail_index(kv_head * call.rows + (first + r) * group + head + h, tail);
        to[e] = call.pieces.values + index * call.pieces.width;
        if (part == 0 && t == 0) call.pieces.softmax[index] = make_float2(softmax[e].top, softmax[e].sum);
      }
      const int low = row_places[lane], high = row_places[32 + lane];
      const auto value_row = [&](int at) {
        return at < 0 ? shared + Shape::kZeros
                      : shared + at / kChunk * Shape::kStage + kChunk * 2 * D + (at % kChunk) * kTileRow;
      };
      const uint32_t low_row = value_row(low), high_row = value_row(high);
      const int low_turn = low < 0 ? 0 : low % 8, high_turn = high < 0 ? 0 : high % 8;
      // Several at a time: a store in between keeps the next one's loads back until sums are there.
      constexpr int kTogether = 4;
      const int last = min((part + 1) * (kUnitsRow >> halvings), call.pieces.width / 8);
      for (int j0 = part * (kUnitsRow >> halvings); j0 < last; j0 += kTogether) {
        uint32_t operands[kTogether][kChunk / 16][2];
#pragma unroll
        for (int u = 0; u < kTogether; ++u) {
          const int j = min(j0 + u, last - 1), tile_at = j / 8 * kChunkTile;
          const auto load = [&](uint32_t(&two)[2][2], uint32_t row, int turn, bool held) {
            asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                         : "=r"(two[0][0]), "=r"(two[0][1]), "=r"(two[1][0]), "=r"(two[1][1])
                         : "r"(row + (held ? tile_at : 0) + ((j % 8 ^ turn) << 4))
                         : "memory");
          };
          load(reinterpret_cast<uint32_t(&)[2][2]>(operands[u][0]), low_row, low_turn, low >= 0);
          load(reinterpret_cast<uint32_t(&)[2][2]>(operands[u][2]), high_row, high_turn, high >= 0);
        }
        float runs[kTogether][4];
#pragma unroll
        for (int u = 0; u < kTogether; ++u) weigh_values<T>(runs[u], weights, operands[u]);
#pragma unroll
        for (int u = 0; u < kTogether; ++u) {
          if (j0 + u >= last) break;
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            if (to[e]) {
              *reinterpret_cast<float2*>(to[e] + 8 * (j0 + u) + 2 * t) = make_float2(runs[u][2 * e], runs[u][2 * e + 1]);
            }
          }
        }
      }
    }
    block_barrier();  // before the next round's pairs
  }
  wait();
}

}  // namespace smq

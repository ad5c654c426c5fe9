// Attention of few rows over a long cache. A warp takes one chunk of 32 pairs of one kv head into
// registers, straight from the cache, and meets it with 16 query rows at a time (rows x the q heads that
// share the kv head). Chunks that all rows see whole are loaded once for many query rows, a block's warps
// holding successive chunks of one span; the few chunks behind them are gathered for each row by its own
// list, with the very same arithmetic. What a chunk gives depends on its pairs and the query alone, and
// partials are folded in one order (attention_spans.cuh), so a row's bits depend on its list alone.
#pragma once

#include "ops/attention_chunk.cuh"
#include "ops/attention_cut.cuh"
#include "ops/attention_math.cuh"

namespace smq {

// The warps of a block, which share a unit of work.
constexpr int warps_for(int dim) { return dim <= 128 ? 4 : 2; }

// Where a float4 (two lanes' float2) of a tile lies in shared memory: swizzled, so that the writers (eight
// rows at a time) do not meet in a bank.
template <int D>
__device__ __forceinline__ int swizzled(int row, int column) {
  return row * (D / 4) + (column ^ ((row & 7) << 1));
}

// The shared memory of a block, which holds the queries of up to Tiles tiles at once.
template <int D, int Tiles>
struct AttendShared {
  static constexpr int kWarps = warps_for(D), kTiles = Tiles;
  float4 parts[kWarps][kTileRows * D / 4];  // behind the shared chunks first a warp's queries
  uint16_t queries[kTiles][kTileRows * kQueryRow<D>];
  Softmax part_softmax[kWarps][kTileRows];
  Softmax running[2][kTiles][kTileRows];  // of spans longer than the warps hold at once
};

// Folds what a block's warps hold of one tile, in order, and keeps it as the span's piece. A thread has
// four neighbouring outputs of a row at a time.
template <int D, int Tiles>
__device__ __forceinline__ void fold_tile(AttendShared<D, Tiles>& shared, const DecodeCall& call,
                                          int thread, int32_t span, int32_t kv_head, int32_t tile,
                                          int32_t place, int32_t held, int32_t round) {
  constexpr int W = warps_for(D), kApart = 32 * W / (D / 4);  // rows between a thread's rows
  const Pieces& out = call.pieces;
  const int column = thread % (D / 4);
  if (4 * column >= out.width) return;
  constexpr int kMine = kTileRows / kApart, kTogether = 2;
#pragma unroll 1
  for (int first = 0; first < kMine; first += kTogether) {
    const int row = thread / (D / 4) + first * kApart;
    const int32_t packed = tile * kTileRows + row;
    if (packed >= call.rows) break;
    Softmax softmax[kTogether];
    float4 value[kTogether];
    const auto piece = [&](int e) {
      return out.index(kv_head * call.rows + packed + e * kApart, span);
    };
    const auto values = [&](int e) {
      return reinterpret_cast<float4*>(out.values + piece(e) * out.width) + column;
    };
#pragma unroll
    for (int e = 0; e < kTogether; ++e) value[e] = make_float4(0, 0, 0, 0);
    if (round > 0) {
#pragma unroll
      for (int e = 0; e < kTogether; ++e) {
        softmax[e] = shared.running[round % 2][place][row + e * kApart];
        if (packed + e * kApart < call.rows) value[e] = *values(e);
      }
    }
    const auto fold_part = [&](int w) {
#pragma unroll
      for (int e = 0; e < kTogether; ++e) {
        fold(softmax[e], value[e], shared.part_softmax[w][row + e * kApart],
             shared.parts[w][swizzled<D>(row + e * kApart, column)]);
      }
    };
    if (held == W) {
#pragma unroll
      for (int w = 0; w < W; ++w) fold_part(w);
    } else {
#pragma unroll 1
      for (int w = 0; w < held; ++w) fold_part(w);
    }
#pragma unroll
    for (int e = 0; e < kTogether; ++e) {
      if (packed + e * kApart < call.rows) *values(e) = value[e];
    }
    if (column > 0) continue;
#pragma unroll
    for (int e = 0; e < kTogether; ++e) {
      shared.running[(round + 1) % 2][place][row + e * kApart] = softmax[e];
      if (packed + e * kApart < call.rows) {
        out.softmax[piece(e)] = make_float2(softmax[e].top, softmax[e].sum);
      }
    }
  }
}

// Keeps what a warp holds of one of a row's own chunks as a piece.
template <int D, int Tiles>
__device__ __forceinline__ void keep_tail(const AttendShared<D, Tiles>& shared,
                                          const DecodeCall& call, int thread, int32_t query,
                                          int32_t rows, int32_t tail) {
  const int warp = thread / 32, lane = thread % 32;
  const Pieces& out = call.pieces;
#pragma unroll 4
  for (int at = lane; at < rows * (D / 4); at += 32) {
    const int row = at / (D / 4), column = at % (D / 4);
    const int64_t piece = out.index(query + row, out.spans + tail);
    if (4 * column < out.width) {
      reinterpret_cast<float4*>(out.values + piece * out.width)[column] =
          shared.parts[warp][swizzled<D>(row, column)];
    }
    if (column == 0) {
      const Softmax softmax = shared.part_softmax[warp][row];
      out.softmax[piece] = make_float2(softmax.top, softmax.sum);
    }
  }
}

// Blocks of one kv head take units in strides: their number is the card's, not L's. A unit is either a
// span of shared chunks and a run of tiles, a warp a chunk, folded over the chunks; or, for each warp on
// its own, one of a row's chunks behind the shared ones. Both take the same way through the arithmetic.
// Early: the kernel before is the rotation of this forward's rows, which writes behind the committed slots alone, and
// all kernels before that have ended. So the length and pairs of committed slots are read at once, and a block
// without work leaves at once: it would keep a product waiting for its registers and its shared memory.
template <class T, int D, int Tiles>
__device__ __forceinline__ void attend_pieces(const DecodeCall& call, AttendShared<D, Tiles>& shared, bool early) {
  constexpr int W = warps_for(D);
  const AttentionArgs& args = call.args;
  const int thread = threadIdx.x, warp = thread / 32, lane = thread % 32, g = lane / 4, t = lane % 4;
  const int32_t blocks = gridDim.x, kv_head = blockIdx.y, group = call.group.divisor;
  uint16_t* const own_queries = reinterpret_cast<uint16_t*>(shared.parts[warp]);
  static_assert(sizeof shared.queries[0] <= sizeof shared.parts[0], "a tile of queries fits");
  bool waited = false;
  const auto wait = [&] {
    if (waited) return;
    wait_for_previous();
    let_next_start();
    waited = true;
  };
  if (!early) wait();
  const Cut cut(args);
  // More tiles a unit read the chunks less often; no more than leave every block a unit.
  int32_t run_tiles = 1, runs = call.tiles;
  if (cut.spans * call.tiles > blocks) {
    run_tiles = min((cut.spans * call.tiles + blocks - 1) / blocks, Tiles);
    runs = (call.tiles + run_tiles - 1) / run_tiles;
  }
  const int32_t span_units = cut.spans * runs;
  const int32_t tail_units = cut.tail * args.m * call.head_tiles;
  const int32_t units = span_units + (tail_units + W - 1) / W;
  for (int32_t unit = blockIdx.x; unit < units; unit += blocks) {
    const bool is_tail = unit >= span_units;
    // What the warp attends to, from chunk `base` on in steps of W, and with which tiles.
    int32_t span = 0, base, end, tile_begin, tile_end;
    int32_t i = 0, count = 0, start = 0, head = 0;  // of a row's own chunk
    if (!is_tail) {
      const int32_t at = runs == 1 ? unit : unit / runs, run = unit - at * runs;
      span = cut.first + cut.spans - 1 - at;  // the longest first
      base = max(span_first(span), cut.lowest / kChunk) + warp;
      end = min(span_first(span + 1), cut.shared);
      tile_begin = run * run_tiles;
      tile_end = min(call.tiles, tile_begin + run_tiles);
    } else {
      int32_t rest = (unit - span_units) * W + warp;
      const bool held = rest < tail_units;
      if (call.head_tiles > 1) {
        head = rest % call.head_tiles * kTileRows;
        rest /= call.head_tiles;
      }
      const int32_t tail = call.m.quotient(rest);
      i = rest - tail * args.m;
      base = cut.shared + tail;
      if (held) count = row_count(args, cut.length, i);
      if (args.window > 0) start = max(0, count - args.window);
      end = held && base * kChunk < count ? base + 1 : base;
      tile_begin = warp;
      tile_end = warp + 1;
      wait();
      if (base < end) {
#pragma unroll
        for (int row = lane / 16; row < kTileRows; row += 2) {
          copy_query<D>(own_queries + row * kQueryRow<D>, args, head + row < group, i,
                        kv_head * group + head + row);
        }
      }
    }
    const int32_t last = is_tail ? base + 1 : end + warp;  // all warps take the same rounds
    for (int32_t round = 0; base < last; base += W, ++round) {
      const bool active = base < end;
      const int32_t index = base * kChunk + lane;
      int32_t slot = active && index >= cut.lowest ? index : -1;
      if (is_tail) {
        slot = active && index >= start && index < count ? row_slot(args, cut.length, i, index) : -1;
      }
      if ((base + 1) * kChunk > cut.length) wait();  // some pair may be of this forward
      ChunkPairs<D> pairs;
      load_pairs<D>(pairs, args, kv_head, slot);
      wait();
      if (round == 0) {
        if (!is_tail) {
          for (int32_t row = thread / 16; row < (tile_end - tile_begin) * kTileRows; row += 2 * W) {
            const int32_t packed = tile_begin * kTileRows + row, from = call.group.quotient(packed);
            copy_query<D>(shared.queries[row / kTileRows] + row % kTileRows * kQueryRow<D>, args,
                          packed < call.rows, from, kv_head * group + packed - from * group);
          }
        }
        asm volatile("cp.async.wait_all;" ::: "memory");
        __syncthreads();
      }
      for (int32_t tile = tile_begin; tile < tile_end; ++tile) {
        if (active) {
          int32_t first[2] = {start - base * kChunk, start - base * kChunk}, seen = kChunk;
          if (is_tail) {
            seen = count - base * kChunk;
          } else if (args.window > 0) {
#pragma unroll
            for (int r = 0; r < 2; ++r) {
              const int32_t packed = min(tile * kTileRows + g + 8 * r, call.rows - 1);
              first[r] = row_count(args, cut.length, call.group.quotient(packed)) - args.window -
                         base * kChunk;
            }
          }
          Softmax softmax[2];
          const auto keep = [&](int h, const float(&values)[8][4]) {
#pragma unroll
            for (int j = 0; j < 8; ++j) {
#pragma unroll
              for (int r = 0; r < 2; ++r) {
                float4* const to =
                    &shared.parts[warp][swizzled<D>(g + 8 * r, 16 * h + 2 * j + t / 2)];
                reinterpret_cast<float2*>(to)[t % 2] =
                    make_float2(values[j][2 * r], values[j][2 * r + 1]);
              }
            }
          };
          attend<T, D>(softmax, pairs, is_tail ? own_queries : shared.queries[tile - tile_begin],
                       args.scale, !is_tail && args.window == 0, first, seen, keep);
          if (t == 0) {
            shared.part_softmax[warp][g] = softmax[0];
            shared.part_softmax[warp][g + 8] = softmax[1];
          }
        }
        if (is_tail) {
          __syncwarp();
          if (active) {
            keep_tail(shared, call, thread, kv_head * call.rows + i * group + head,
                         min(group - head, kTileRows), base - cut.shared);
          }
        } else {
          __syncthreads();
          fold_tile(shared, call, thread, span, kv_head, tile, tile - tile_begin,
                       min(W, end - (base - warp)), round);
          __syncthreads();
        }
      }
    }
    if (is_tail) __syncthreads();  // before the next unit's queries are copied
  }
}

}  // namespace smq

// Units of work of the chunks that all rows see whole: a span and a run of tiles of query rows of one kv head. How
// blocks take them, the queries that they meet, and where their sums go; the same for both kernels.
#pragma once

#include "ops/attention/attention_chunk.cuh"

namespace smq {

// A block's way through its units and their chunks. A unit is a span and a run of tiles.
struct Walk {
  int32_t units;                // of all blocks
  int32_t unit, end;            // of units
  int32_t chunk, last;          // of the unit's chunks
  int32_t pass, span, kv_head, run;

  // Of block `block` of `blocks`.
  __device__ __forceinline__ Walk(const DecodeCall& call, const Cut& cut, int32_t block, int32_t blocks) {
    units = 0;
    for (int32_t p = 0; p < cut.passes; ++p) units += cut.spans(p);
    units *= call.args.kv_heads * call.runs;
    unit = units <= blocks ? block : int32_t(int64_t(units) * block / blocks);
    end = units <= blocks ? min(block + 1, units) : int32_t(int64_t(units) * (block + 1) / blocks);
    if (unit < end) locate(call, cut);
  }
  __device__ __forceinline__ bool more() const { return unit < end; }
  __device__ __forceinline__ void next(const DecodeCall& call, const Cut& cut) {
    if (++chunk < last) return;
    if (++unit < end) locate(call, cut);
  }

 private:
  __device__ __forceinline__ void locate(const DecodeCall& call, const Cut& cut) {
    int32_t rest = unit, spans = cut.spans(0);
    for (pass = 0; rest >= spans * call.args.kv_heads * call.runs; spans = cut.spans(pass)) {
      rest -= spans * call.args.kv_heads * call.runs;
      ++pass;
    }
    const int32_t at = call.runs == 1 ? rest : int32_t(uint32_t(rest) / uint32_t(call.runs));
    run = rest - at * call.runs;
    kv_head = int32_t(uint32_t(at) / uint32_t(spans));
    span = cut.first_span(pass) + at - kv_head * spans;
    const int32_t length = cut.span + pass;
    chunk = max(span * length, cut.lowest / kChunk);
    last = min((span + 1) * length, cut.shared);
  }
};

// Copies `Rows` query rows of a run of tiles, from row `first` of the run on, by so many threads into tiles of
// TileRows rows; rows that are not there become zeros.
template <int D, int Rows, int TileRows, int Threads>
__device__ __forceinline__ void copy_queries(uint8_t* to, const DecodeCall& call, int32_t kv_head, int32_t run,
                                             int32_t first, int thread) {
  constexpr int kUnitsRow = D / 8;
  const AttentionArgs& args = call.args;
  const int unit = thread % kUnitsRow;
  const uint16_t* const queries = static_cast<const uint16_t*>(args.qkv) + 8 * unit;
  constexpr int kAhead = 8;  // loads on their way
#pragma unroll kAhead
  for (int row = thread / kUnitsRow; row < Rows; row += Threads / kUnitsRow) {
    const int32_t packed = run * call.run_tiles * kTileRows + first + row, i = call.group.quotient(packed);
    const int32_t head = kv_head * int32_t(call.group.divisor) + packed - i * int32_t(call.group.divisor);
    const bool held = first + row < call.run_tiles * kTileRows && packed < call.rows && 8 * unit < args.head_dim;
    const uint4 query = load_query(queries + i * args.qkv_row() + int64_t(head) * args.head_dim, held, call.turned);
    *reinterpret_cast<uint4*>(to + row / TileRows * (TileRows * 2 * D) + unit / 8 * (TileRows * kTileRow) +
                              swizzled(row % TileRows, unit % 8)) = query;
  }
}

// Writes a tile's sums as the span's piece: outputs 8 j + 2 t, + 1 of those from `column` on, of rows g and g + 8.
template <int N>
__device__ __forceinline__ void keep_tile(const DecodeCall& call, const Cut& cut, const Walk& at, int32_t tile,
                                          int column, const float (&values)[N][4], const Softmax (&softmax)[2]) {
  const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  const Pieces& out = call.pieces;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int32_t packed = tile * kTileRows + g + 8 * r;
    if (packed >= call.rows) continue;
    const int64_t index = out.index(at.kv_head * call.rows + packed, at.pass, at.span - cut.first_span(at.pass));
    float* const to = out.values + index * out.width + column + 2 * t;
#pragma unroll
    for (int j = 0; j < N; ++j) {
      if (column + 8 * j >= out.width) break;
      *reinterpret_cast<float2*>(to + 8 * j) = make_float2(values[j][2 * r], values[j][2 * r + 1]);
    }
    if (column == 0 && t == 0) out.softmax[index] = make_float2(softmax[r].top, softmax[r].sum);
  }
}

}  // namespace smq

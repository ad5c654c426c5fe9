// The end of attention of few rows: a row's own chunks, behind those that all rows see whole, and what all of its
// chunks come to. A block takes one row and kv head. It gathers the pairs of the row's own chunks by its list, straight
// from the cache, and multiplies them, while the kernel before is still at the shared chunks (attention_decode.cuh);
// then it folds that kernel's pieces and its own chunks, in the order of the list.
#pragma once

#include "ops/attention_chunk.cuh"

namespace smq {

constexpr int kMergeWarps = 4;
constexpr int kMostTails = (kChunk - 1 + kMaskPairs + kChunk - 1) / kChunk;

// D / 64 warps take a chunk together: each its part of the pairs for the scores, and 64 outputs.
template <int D>
struct MergeShared {
  static constexpr int kSharers = D / 64, kWays = kMergeWarps / kSharers;
  uint8_t weights[kWays][kWeightBytes];
  float tops[kWays][kSharers][kTileRows];
  Softmax softmax[kMostTails][kTileRows];
};

// Zeros where nothing is there: never a slot that no row may see. From the second cache, as other kernels of the
// forward have written it.
__device__ __forceinline__ uint4 load_16_bytes(const uint16_t* from, bool held) {
  uint4 value = make_uint4(0, 0, 0, 0);
  if (held) value = __ldcg(reinterpret_cast<const uint4*>(from));
  return value;
}

// Lane t of four holds inputs 8 t .. + 7 of 32; gives it the inputs 2 t, + 1 of each eight, as operands hold them.
__device__ __forceinline__ uint4 as_operand(const uint4& inputs) {
  const int t = threadIdx.x % 4;
  uint32_t w[4] = {inputs.x, inputs.y, inputs.z, inputs.w};
#pragma unroll
  for (int step = 1; step < 4; step *= 2) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (i & step) continue;
      const bool upper = t & step;
      const uint32_t got = __shfl_xor_sync(~0u, upper ? w[i] : w[i + step], step);
      w[i] = upper ? got : w[i];
      w[i + step] = upper ? w[i + step] : got;
    }
  }
  return make_uint4(w[0], w[1], w[2], w[3]);
}

// A row and what it sees of its list: the places from start to count.
struct RowList {
  int32_t i, start, count;
};

// One chunk of a row's list, for up to 16 of its query rows from `head` on. parts: f32 [held, D].
template <class T, int D>
__device__ __forceinline__ void attend_own_chunk(const DecodeCall& call, const Cut& cut, MergeShared<D>& shared,
                                                 float* parts, Softmax* softmax, const RowList& list, int32_t kv_head,
                                                 int32_t head, int32_t held, int32_t chunk, int way, int place) {
  constexpr int kSharers = MergeShared<D>::kSharers, N = 8 / kSharers;
  const AttentionArgs& args = call.args;
  const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  const int32_t dim = args.head_dim;
  const int64_t row = args.kv_row();
  int32_t slot[2];
#pragma unroll
  for (int e = 0; e < 2; ++e) {
    const int32_t index = chunk * kChunk + 32 * e + lane;
    slot[e] = index >= list.start && index < list.count ? row_slot(args, cut.length, list.i, index) : -1;
  }
  const uint16_t* const queries = static_cast<const uint16_t*>(args.qkv) + list.i * args.qkv_row() +
                                  (int64_t(kv_head) * call.group.divisor + head) * dim;
  const uint16_t* const keys = static_cast<const uint16_t*>(args.k_cache) + int64_t(kv_head) * dim;
  const uint16_t* const values = static_cast<const uint16_t*>(args.v_cache) + int64_t(kv_head) * dim;
  uint4 key[N][D / 32], query[2][D / 32], raw[kChunk / 16][4];
#pragma unroll
  for (int n = 0; n < N; ++n) {
    const int pair = 8 * (place * N + n) + g;
    const int32_t low = __shfl_sync(~0u, slot[0], pair % 32), high = __shfl_sync(~0u, slot[1], pair % 32);
    const int32_t from = pair < 32 ? low : high;
#pragma unroll
    for (int s = 0; s < D / 32; ++s) {
      const int column = 32 * s + 8 * t;
      key[n][s] = load_16_bytes(keys + from * row + column, from >= 0 && column < dim);
    }
  }
#pragma unroll
  for (int r = 0; r < 2; ++r) {
#pragma unroll
    for (int s = 0; s < D / 32; ++s) {
      const int column = 32 * s + 8 * t;
      query[r][s] = load_16_bytes(queries + int64_t(g + 8 * r) * dim + column, g + 8 * r < held && column < dim);
    }
  }
#pragma unroll
  for (int s = 0; s < kChunk / 16; ++s) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int pair = 16 * s + 2 * t + i % 2 + i / 2 * 8;
      const int32_t from = __shfl_sync(~0u, slot[s / 2], pair % 32);
      const int column = 64 * place + 8 * g;
      raw[s][i] = load_16_bytes(values + from * row + column, from >= 0 && column < dim);
    }
  }
  float scores[N][4] = {};
#pragma unroll
  for (int s = 0; s < D / 32; ++s) {
    const uint4 low = as_operand(query[0][s]), high = as_operand(query[1][s]);
    const uint32_t first[4] = {low.x, high.x, low.y, high.y}, second[4] = {low.z, high.z, low.w, high.w};
#pragma unroll
    for (int n = 0; n < N; ++n) {
      const uint4 operand = as_operand(key[n][s]);
      ptx::mma(scores[n], first, operand.x, operand.y, T());
      ptx::mma(scores[n], second, operand.z, operand.w, T());
    }
  }
  scale_scores(scores, args.scale);
  const int32_t before = chunk * kChunk + 8 * place * N;  // places of pairs before this warp's
  const int32_t first[2] = {list.start - before, list.start - before};
  hide_scores(scores, first, list.count - before);
  float top[2] = {largest(scores, 0), largest(scores, 1)};
  if (t < 2) shared.tops[way][place][g + 8 * t] = t == 0 ? top[0] : top[1];
  tile_barrier<kSharers>(way);
#pragma unroll
  for (int w = 0; w < kSharers; ++w) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const float other = shared.tops[way][w][g + 8 * r];
      top[r] = w == 0 ? other : larger(top[r], other);
    }
  }
  uint32_t mine[N][2];
  weigh<T>(mine, scores, top);
  keep_weights(shared.weights[way], mine, place * N);
  tile_barrier<kSharers>(way);
  Weights weights;
  load_weights(weights, shared.weights[way]);
  Softmax sum[2];
  sum[0].top = top[0];
  sum[1].top = top[1];
  sum_weights<T>(sum, weights);
  // A lane's words j / 2 of four pairs are the outputs 64 place + 8 g + j, as operands.
  float sums[8][4];
#pragma unroll
  for (int j = 0; j < 8; ++j) {
    uint32_t operands[kChunk / 16][2];
#pragma unroll
    for (int s = 0; s < kChunk / 16; ++s) {
#pragma unroll
      for (int pair = 0; pair < 2; ++pair) {
        const auto word = [&](const uint4& v) { return j / 2 == 0 ? v.x : j / 2 == 1 ? v.y : j / 2 == 2 ? v.z : v.w; };
        operands[s][pair] =
            __byte_perm(word(raw[s][2 * pair]), word(raw[s][2 * pair + 1]), j % 2 == 0 ? 0x5410 : 0x7632);
      }
    }
    weigh_values<T>(sums[j], weights, operands);
  }
  // Of row g + 8 r the outputs 64 place + 16 t + 8 i + j are sums[j][2 r + i].
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    if (g + 8 * r >= held) continue;
    float4* const to = reinterpret_cast<float4*>(parts + (g + 8 * r) * D + 64 * place + 16 * t);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
#pragma unroll
      for (int j = 0; j < 8; j += 4) {
        to[2 * i + j / 4] = make_float4(sums[j][2 * r + i], sums[j + 1][2 * r + i], sums[j + 2][2 * r + i],
                                        sums[j + 3][2 * r + i]);
      }
    }
    if (place == 0 && t == 0) softmax[g + 8 * r] = sum[r];
  }
}

// Folds what a row's chunks come to, four outputs of a query row a thread. own: f32 [tails, held, D].
template <class T, int D>
__device__ __forceinline__ void fold_row(const DecodeCall& call, const Cut& cut, const MergeShared<D>& shared,
                                         const float* own, const RowList& list, int32_t kv_head, int32_t head,
                                         int32_t held) {
  const AttentionArgs& args = call.args;
  const Pieces& in = call.pieces;
  const int32_t chunks = chunks_of(list.count);
  const int32_t pass = span_length(list.count, args.window, call.most_spans) - cut.span, length = cut.span + pass;
  const int32_t first = cut.first_span(pass), spans = cut.spans(pass);
  const bool open = spans > 0 && (first + spans) * length > cut.shared;
  const int32_t whole = open ? spans - 1 : spans;
  for (int item = threadIdx.x; item < held * (D / 4); item += 32 * kMergeWarps) {
    const int row = item / (D / 4), column = item % (D / 4) * 4;
    if (column >= args.head_dim) continue;
    const int64_t query = int64_t(kv_head) * call.rows + list.i * int32_t(call.group.divisor) + head + row;
    const int64_t base = in.index(int32_t(query), pass, 0);
    const float2* const tops = in.softmax + base;
    const float* const values = in.values + base * in.width + column;
    const auto load = [&](int32_t span, Softmax& softmax, float4& value) {
      const float2 pair = tops[span];
      softmax.top = pair.x;
      softmax.sum = pair.y;
      value = *reinterpret_cast<const float4*>(values + int64_t(span) * in.width);
    };
    Softmax total;
    float4 result = make_float4(0, 0, 0, 0);
    // Several loads at a time.
    constexpr int kAhead = 12;
    for (int32_t span = 0; span < whole; span += kAhead) {
      Softmax softmax[kAhead];
      float4 value[kAhead];
#pragma unroll
      for (int a = 0; a < kAhead; ++a) load(min(span + a, whole - 1), softmax[a], value[a]);
#pragma unroll
      for (int a = 0; a < kAhead; ++a) {
        if (span + a < whole) fold(total, result, softmax[a], value[a]);
      }
    }
    // The span that the shared chunks end in, and the row's own chunks.
    Softmax run;
    float4 sum = make_float4(0, 0, 0, 0);
    if (open) load(whole, run, sum);
    int32_t end = (cut.shared / length + 1) * length;
    for (int32_t chunk = cut.shared; chunk < chunks; ++chunk) {
      if (chunk == end) {
        fold(total, result, run, sum);
        run = Softmax();
        sum = make_float4(0, 0, 0, 0);
        end += length;
      }
      const int32_t tail = chunk - cut.shared;
      fold(run, sum, shared.softmax[tail][row],
           *reinterpret_cast<const float4*>(own + (int64_t(tail) * held + row) * D + column));
    }
    fold(total, result, run, sum);
    const float inverse = total.empty() ? 0.0f : __frcp_rn(total.sum);
    uint16_t* const out = static_cast<uint16_t*>(args.out) +
                          (int64_t(list.i) * args.heads + kv_head * int32_t(call.group.divisor) + head + row) *
                              args.head_dim + column;
    *reinterpret_cast<uint2*>(out) =
        make_uint2(HalfMath<T>::pack(__fmul_rn(result.x, inverse), __fmul_rn(result.y, inverse)),
                   HalfMath<T>::pack(__fmul_rn(result.z, inverse), __fmul_rn(result.w, inverse)));
  }
}

// The kernel before has let this one start once all before it had ended, so rows and pairs are read at once.
template <class T, int D>
__device__ __forceinline__ void merge_row(const DecodeCall& call, MergeShared<D>& shared, float* own) {
  constexpr int kSharers = MergeShared<D>::kSharers, kWays = MergeShared<D>::kWays;
  const AttentionArgs& args = call.args;
  const int32_t i = blockIdx.y, kv_head = int32_t(blockIdx.x) / call.head_tiles;
  const int32_t head = (int32_t(blockIdx.x) - kv_head * call.head_tiles) * kTileRows;
  const int32_t held = min(int32_t(call.group.divisor) - head, kTileRows);
  const Cut cut(call);
  RowList list{i, 0, row_count(args, cut.length, i)};
  if (args.window > 0) list.start = max(0, list.count - args.window);
  const int warp = threadIdx.x / 32, way = warp / kSharers, place = warp % kSharers;
  const int32_t tails = chunks_of(list.count) - cut.shared;
  for (int32_t tail = way; tail < tails; tail += kWays) {
    attend_own_chunk<T, D>(call, cut, shared, own + int64_t(tail) * held * D, shared.softmax[tail], list, kv_head, head,
                           held, cut.shared + tail, way, place);
  }
  __syncthreads();
  wait_for_previous();
  fold_row<T, D>(call, cut, shared, own, list, kv_head, head, held);
}

}  // namespace smq

// The end of attention of few rows: what the pieces of attention_decode.cuh come to.
#pragma once

#include "ops/attention_cut.cuh"
#include "ops/attention_math.cuh"

namespace smq {

// Folds a row's pieces: the chunks of each span, then the spans. One warp a row `i` and head.
template <class T>
__device__ __forceinline__ void merge_pieces(const DecodeCall& call, int32_t head, int32_t i) {
  const AttentionArgs& args = call.args;
  const Pieces& in = call.pieces;
  const int32_t kv_head = call.group.quotient(head), group = call.group.divisor;
  const int32_t query = kv_head * call.rows + i * group + head - kv_head * group;
  const Cut cut(args);
  const int32_t chunks = chunks_of(row_count(args, cut.length, i));
  for (int32_t column = 4 * (threadIdx.x % 32); column < in.width; column += 128) {
    const auto load = [&](int32_t piece, Softmax& softmax, float4& value) {
      const int64_t index = in.index(query, piece);
      const float2 pair = in.softmax[index];
      softmax.top = pair.x;
      softmax.sum = pair.y;
      value = *reinterpret_cast<const float4*>(in.values + index * in.width + column);
    };
    Softmax total;
    float4 result = make_float4(0, 0, 0, 0);
    // Spans of shared chunks alone, several loads at a time.
    const int32_t last = cut.first + cut.spans;
    const bool open = cut.spans > 0 && span_first(last) > cut.shared;
    const int32_t whole = open ? last - 1 : last;
    constexpr int kAhead = 8;
    for (int32_t span = cut.first; span < whole; span += kAhead) {
      Softmax softmax[kAhead];
      float4 value[kAhead];
#pragma unroll
      for (int a = 0; a < kAhead; ++a) load(min(span + a, whole - 1), softmax[a], value[a]);
#pragma unroll
      for (int a = 0; a < kAhead; ++a) {
        if (span + a >= whole) softmax[a].top = kNone;
        fold(total, result, softmax[a], value[a]);
      }
    }
    // The span that the shared chunks end in, and the row's own chunks.
    Softmax run;
    float4 sum = make_float4(0, 0, 0, 0);
    if (open) load(whole, run, sum);
    int32_t span_end = span_first(span_of(cut.shared) + 1);
    for (int32_t chunk = cut.shared; chunk < chunks; ++chunk) {
      if (chunk == span_end) {
        fold(total, result, run, sum);
        run = Softmax();
        sum = make_float4(0, 0, 0, 0);
        span_end = span_first(span_of(chunk) + 1);
      }
      Softmax softmax;
      float4 value;
      load(in.spans + chunk - cut.shared, softmax, value);
      fold(run, sum, softmax, value);
    }
    fold(total, result, run, sum);
    const float inverse = total.empty() ? 0.0f : __frcp_rn(total.sum);
    // The four lie eight outputs apart.
    const int32_t output = column / 64 * 64 + column % 8 * 8 + column % 64 / 8;
    uint16_t* const out = static_cast<uint16_t*>(args.out) +
                          (int64_t(i) * args.heads + head) * args.head_dim + output;
    const uint32_t low = HalfMath<T>::pack(__fmul_rn(result.x, inverse), __fmul_rn(result.y, inverse));
    const uint32_t high = HalfMath<T>::pack(__fmul_rn(result.z, inverse), __fmul_rn(result.w, inverse));
    const uint16_t four[4] = {uint16_t(low), uint16_t(low >> 16), uint16_t(high),
                              uint16_t(high >> 16)};
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      if (output + 8 * e < args.head_dim) out[8 * e] = four[e];
    }
  }
}

}  // namespace smq

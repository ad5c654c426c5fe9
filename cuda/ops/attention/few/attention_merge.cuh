// The end of attention of few rows: what the pieces of its first kernel come to.
#pragma once

#include "ops/attention/attention_cut.cuh"
#include "ops/attention/attention_math.cuh"

namespace smq {

constexpr int kMergeThreads = 128;

// Masks and the length are there before the kernel before, which lets this one start once all before it have ended.
// Folds a row's pieces in the order of its list: the chunks of each span, then the spans. Four outputs of a head a
// thread.
template <class T>
__device__ __forceinline__ void merge_pieces(const DecodeCall& call) {
  const AttentionArgs& args = call.args;
  const Pieces& in = call.pieces;
  const int32_t i = blockIdx.y, item = blockIdx.x * kMergeThreads + threadIdx.x;
  const int32_t head = call.quarter.quotient(item), column = 4 * (item - head * int32_t(call.quarter.divisor));
  const int32_t group = call.group.divisor, kv_head = call.group.quotient(head);
  const int32_t query = kv_head * call.rows + i * group + head - kv_head * group;
  const Cut cut(call);
  if (head >= args.heads) return;
  const int32_t count = row_count(args, cut.length, i), chunks = chunks_of(count);
  const int32_t pass = span_length(count, args.window, call.most_spans) - cut.span, length = cut.span + pass;
  const int32_t first = cut.first_span(pass), spans = cut.spans(pass);
  const bool open = spans > 0 && (first + spans) * length > cut.shared;
  const int32_t whole = open ? spans - 1 : spans;
  const int64_t base = in.index(query, pass, 0);
  const float2* const tops = in.softmax + base;
  const float* const values = in.values + base * in.width + column;
  const int32_t tails = int32_t(in.tail_index(query, 0) - base);
  wait_for_previous();
  const auto load = [&](int32_t piece, Softmax& softmax, float4& value) {
    const float2 pair = tops[piece];
    softmax.top = pair.x;
    softmax.sum = pair.y;
    value = *reinterpret_cast<const float4*>(values + piece * in.width);
  };
  Softmax total;
  float4 result = make_float4(0, 0, 0, 0);
  // The row's own chunks, most often one or two, and the span that the shared chunks end in are loaded first.
  Softmax run, tail_softmax[2];
  float4 sum = make_float4(0, 0, 0, 0), tail_value[2] = {sum, sum};
  if (open) load(whole, run, sum);
#pragma unroll
  for (int a = 0; a < 2; ++a) {
    if (cut.shared + a < chunks) load(tails + a, tail_softmax[a], tail_value[a]);
  }
  // Several loads at a time.
  constexpr int kAhead = 8;
  int32_t span = 0;
#pragma unroll 1
  for (; span + kAhead <= whole; span += kAhead) {
    Softmax softmax[kAhead];
    float4 value[kAhead];
#pragma unroll
    for (int a = 0; a < kAhead; ++a) load(span + a, softmax[a], value[a]);
#pragma unroll
    for (int a = 0; a < kAhead; ++a) fold(total, result, softmax[a], value[a]);
  }
  if (span < whole) {
    Softmax softmax[kAhead - 1];
    float4 value[kAhead - 1];
#pragma unroll
    for (int a = 0; a < kAhead - 1; ++a) {
      if (span + a < whole) load(span + a, softmax[a], value[a]);
    }
#pragma unroll
    for (int a = 0; a < kAhead - 1; ++a) {
      if (span + a < whole) fold(total, result, softmax[a], value[a]);
    }
  }
  int32_t end = (cut.shared / length + 1) * length;
  for (int32_t chunk = cut.shared; chunk < chunks; ++chunk) {
    if (chunk == end) {
      fold(total, result, run, sum);
      run = Softmax();
      sum = make_float4(0, 0, 0, 0);
      end += length;
    }
    const int32_t tail = chunk - cut.shared;
    Softmax softmax = tail_softmax[0];
    float4 value = tail_value[0];
    if (tail == 1) softmax = tail_softmax[1], value = tail_value[1];
    if (tail > 1) load(tails + tail, softmax, value);
    fold(run, sum, softmax, value);
  }
  fold(total, result, run, sum);
  const float inverse = total.empty() ? 0.0f : __frcp_rn(total.sum);
  uint16_t* const out = static_cast<uint16_t*>(args.out) + (int64_t(i) * args.heads + head) * args.head_dim + column;
  *reinterpret_cast<uint2*>(out) =
      make_uint2(HalfMath<T>::pack(__fmul_rn(result.x, inverse), __fmul_rn(result.y, inverse)),
                 HalfMath<T>::pack(__fmul_rn(result.z, inverse), __fmul_rn(result.w, inverse)));
}

}  // namespace smq

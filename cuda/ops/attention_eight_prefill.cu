// Attention of many rows over caches in 8 bits: what the pairs that some row sees stand for is written into the
// workspace, and the kernels of caches in 16 bits attend to that. Of a layer at a time, so that it is little beside
// the caches; and its bytes are little beside what prompts' products and attention take.
#include "ops/attention_eight.cuh"
#include "ops/elements.cuh"

namespace smq {
namespace {

constexpr int kThreads = 256, kBlocks = 8;  // blocks of a multiprocessor

template <class T>
__global__ void __launch_bounds__(kThreads) widen_pairs(const AttentionArgs args, uint4* keys, uint4* values) {
  wait_for_previous();
  let_next_start();
  const int32_t length = committed(args), end = row_count(args, length, args.m - 1);
  const int32_t begin = args.window > 0 ? max(0, row_count(args, length, 0) - args.window) : 0;
  const int32_t units = int32_t(args.kv_row() / 16), head_units = args.head_dim / 16;
  const int64_t row = args.row_bytes();
  const uint8_t* const cache = static_cast<const uint8_t*>(blockIdx.y == 0 ? args.k_cache : args.v_cache);
  uint4* const to = blockIdx.y == 0 ? keys : values;
  for (int64_t i = int64_t(begin) * units + blockIdx.x * kThreads + threadIdx.x; i < int64_t(end) * units;
       i += int64_t(gridDim.x) * kThreads) {
    const int32_t slot = int32_t(i / units), unit = int32_t(i - int64_t(slot) * units);
    const uint8_t* const from = cache + slot * row;
    const uint4 elements = *reinterpret_cast<const uint4*>(from + 16 * unit);
    uint4 out[2];
    stand_for(out, elements, *reinterpret_cast<const T*>(from + args.scale_at(unit / head_units)));
    to[2 * i] = out[0];
    to[2 * i + 1] = out[1];
  }
}

}  // namespace

int64_t prefill_of_eight_bytes(int32_t kv_heads, int32_t head_dim, int32_t slots) {
  return 2 * int64_t(slots) * kv_heads * head_dim * 2;
}

int32_t prefill_of_eight(smq_context* ctx, const AttentionArgs& args, int32_t dtype) {
  uint4* const keys = reinterpret_cast<uint4*>(args.workspace);
  uint4* const values = keys + int64_t(args.slots) * args.kv_row() / 8;
  with_half(dtype, [&](auto type) {
    launch(ctx, widen_pairs<decltype(type)>, dim3(unsigned(kBlocks / 2 * ctx->sms), 2), dim3(kThreads), 0, args, keys,
           values);
  });
  AttentionArgs widened = args;
  widened.k_cache = keys;
  widened.v_cache = values;
  widened.cache = dtype;
  return prefill_attention(ctx, widened, dtype);
}

}  // namespace smq

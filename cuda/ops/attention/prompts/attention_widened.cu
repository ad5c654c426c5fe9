// Attention over caches in 8 bits of many rows, and of heads whose chunks shared memory does not hold twice: what the
// pairs that some row sees stand for is written into the workspace, and the kernels of caches in 16 bits attend to that.
// Of a layer at a time, so that it is little beside the caches; and its bytes are little beside what prompts' products
// and attention take.
#include "ops/attention/attention_eight.cuh"
#include "ops/elements.cuh"

namespace smq {
namespace {

constexpr int kThreads = 256, kBlocks = 8;  // blocks of a multiprocessor

template <class T>
__global__ void __launch_bounds__(kThreads) widen_pairs(const AttentionArgs args, uint4* keys, uint4* values) {
  wait_for_previous();
  let_next_start();
  const int32_t length = committed(args);
  const int32_t end = args.mask ? min(args.slots, length + 64 * args.mask_words) : row_count(args, length, args.m - 1);
  const int32_t least = args.mask ? length : row_count(args, length, 0);  // pairs of a row, or more
  const int32_t begin = args.window > 0 ? max(0, least - args.window) : 0;
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

bool is_widened(int32_t m, int32_t head_dim, int32_t cache) {
  return cache == SMQ_I8 && (m > kDecodeRows || head_dim > 128);
}

namespace {

// Bytes of the workspace before what is widened.
int64_t bytes_before(int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim, int32_t slots) {
  if (m > kDecodeRows) return 0;
  return (decode_attention_bytes(m, heads, kv_heads, head_dim, slots) + 255) / 256 * 256;
}

}  // namespace

int64_t widened_bytes(int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim, int32_t slots) {
  return bytes_before(m, heads, kv_heads, head_dim, slots) + 2 * int64_t(slots) * kv_heads * head_dim * 2;
}

int32_t attention_of_widened(smq_context* ctx, const AttentionArgs& args, int32_t dtype) {
  const int64_t before = bytes_before(args.m, args.heads, args.kv_heads, args.head_dim, args.slots);
  uint4* const keys = reinterpret_cast<uint4*>(reinterpret_cast<uint8_t*>(args.workspace) + before);
  uint4* const values = keys + args.slots * args.kv_row() / 8;
  with_half(dtype, [&](auto type) {
    launch(ctx, widen_pairs<decltype(type)>, dim3(unsigned(kBlocks / 2 * ctx->sms), 2), dim3(kThreads), 0, args, keys,
           values);
  });
  AttentionArgs widened = args;
  widened.k_cache = keys;
  widened.v_cache = values;
  widened.cache = dtype;
  return args.m <= kDecodeRows ? decode_attention(ctx, widened, dtype) : prefill_attention(ctx, widened, dtype);
}

}  // namespace smq

// Attention of few rows: the table of its kernels, and their workspace.
#include "ops/attention/attention.cuh"
#include "ops/attention/attention_spans.cuh"

namespace smq {

int32_t decode_attention(smq_context* ctx, const AttentionArgs& args, int32_t dtype) {
  if (args.cache == SMQ_I8) {
    return args.head_dim <= 64 ? decode_of_eight_64(ctx, args, dtype) : decode_of_eight_128(ctx, args, dtype);
  }
  if (args.head_dim <= 64) return decode_attention_64(ctx, args, dtype);
  if (args.head_dim <= 128) return decode_attention_128(ctx, args, dtype);
  return decode_attention_256(ctx, args, dtype);
}

int64_t decode_attention_bytes(int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim, int32_t slots) {
  const Pieces pieces(nullptr, m, heads, kv_heads, head_dim, slots);
  return int64_t(m) * heads * pieces.pieces * (int64_t(pieces.width) + 2) * int64_t(sizeof(float));
}

}  // namespace smq

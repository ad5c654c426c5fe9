// Attention over a cache: few rows or many.
#include "ops/attention/attention.cuh"
#include "ops/attention/attention_few_fits.cuh"
#include "ops/attention/attention_one_fits.cuh"
#include "ops/attention/company.cuh"

using namespace smq;

namespace {

Check& check_limits(Check& check, int32_t head_dim, int32_t slots) {
  check.limit("head_dim", head_dim, kMostHeadDim);
  return check.limit("slots", slots, 1 << 28);  // pairs are counted in 32 bits
}

}  // namespace

int32_t smq::run_attention(smq_context* ctx, const Attention& given) {
  AttentionArgs args{given};
  Check check;
  check_limits(check, args.head_dim, args.slots);
  if (args.mask) check.limit("m with a mask", args.m, kDecodeRows);
  const auto address = [](const void* pointer) { return reinterpret_cast<uint64_t>(pointer); };
  if (args.m <= kDecodeRows || args.cache == SMQ_I8) check.address("workspace", address(args.workspace));
  // Rows are read and written 16 bytes at a time.
  const uint64_t all = address(args.out) | address(args.qkv) | address(args.k_cache) |
                       address(args.v_cache) | address(args.workspace);
  check.multiple("the addresses' alignment", int64_t(all & 15), 16);
  if (check.failed()) return check.status();
  args.scale *= 1.4426950408889634f;
  if (joins_company(ctx, args)) return SMQ_OK;
  return queue_attention(ctx, args);
}

int32_t smq::queue_attention(smq_context* ctx, const Attention& given) {
  const AttentionArgs args{given};
  const bool one = one_row_fits(ctx, args.m, args.heads, args.kv_heads, args.head_dim, args.slots, args.cache);
  if (!ctx->dead && few_rows_serve(ctx, args)) {
    return args.head_dim == 64 ? attention_of_few_64(ctx, args) : attention_of_few_128(ctx, args);
  }
  const bool rotate = one && waits_for(ctx, args) && !ctx->dead;
  if (!rotate) {
    if (const int32_t status = enter(ctx)) return status;
  }
  if (one) return args.head_dim == 64 ? attention_of_one_64(ctx, args, rotate) : attention_of_one_128(ctx, args, rotate);
  if (is_widened(args.m, args.head_dim, args.cache)) return attention_of_widened(ctx, args, args.dtype);
  return args.m <= kDecodeRows ? decode_attention(ctx, args, args.dtype)
                               : prefill_attention(ctx, args, args.dtype);
}

int32_t smq::run_attention_bytes(int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim, int32_t slots,
                                 int32_t cache, int64_t* out) {
  Check check;
  if (check_limits(check, head_dim, slots).failed()) return check.status();
  *out = is_widened(m, head_dim, cache) ? widened_bytes(m, heads, kv_heads, head_dim, slots)
         : m <= kDecodeRows             ? decode_attention_bytes(m, heads, kv_heads, head_dim, slots)
                                        : 0;
  return SMQ_OK;
}

// Attention over a cache, with or without a tree mask.
#include "common/address.h"
#include "common/error.h"
#include "common/kv_cache.h"
#include "common/ops.h"

using namespace smq;

namespace {

void check_shape(Check& check, int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim,
                 int32_t slots) {
  check.at_least("m", m, 1).at_least("heads", heads, 1).at_least("kv_heads", kv_heads, 1);
  if (!check.failed()) check.multiple("heads", heads, kv_heads);
  check.at_least("head_dim", head_dim, 8).multiple("head_dim", head_dim, 8);
  check.at_least("slots", slots, 1);
}

}  // namespace

int32_t smq_attention(smq_context* ctx, uint64_t out, uint64_t qkv, uint64_t k_cache,
                      uint64_t v_cache, int32_t slots, uint64_t cache_length, uint64_t mask,
                      int32_t mask_words, int32_t slot_offset, int32_t window, float scale,
                      int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim,
                      int32_t dtype, int32_t cache, uint64_t workspace) {
  Check check;
  check.pointer("ctx", ctx).address("out", out).address("qkv", qkv).address("k_cache", k_cache);
  check.address("v_cache", v_cache).address("cache_length", cache_length).half("dtype", dtype);
  check_shape(check, m, heads, kv_heads, head_dim, slots);
  check.at_least("window", window, 0).finite("scale", scale);
  if (mask) check.at_least("mask_words", mask_words, 1).limit("mask_words", mask_words, SMQ_MAX_MASK);
  check.extent("qkv", qkv, m, (int64_t(heads) + 2 * int64_t(kv_heads)) * head_dim, 2);
  check.extent("out", out, m, int64_t(heads) * head_dim, 2);
  check.cache("cache", cache, dtype, head_dim);
  const int64_t row_bytes = cache_row_bytes(kv_heads, head_dim, cache);
  check.extent("k_cache", k_cache, slots, row_bytes, 1).extent("v_cache", v_cache, slots, row_bytes, 1);
  if (check.failed()) return check.status();
  return run_attention(
      ctx, {at<void>(out), at<const void>(qkv), at<const void>(k_cache), at<const void>(v_cache),
            at<const int32_t>(cache_length), at<const uint64_t>(mask), at<float>(workspace), slots,
            mask ? mask_words : 0, slot_offset, window, m, heads, kv_heads, head_dim, dtype, cache, scale});
}

int32_t smq_attention_bytes(int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim,
                            int32_t slots, int32_t cache, int64_t* out) {
  Check check;
  check.pointer("out", out);
  check_shape(check, m, heads, kv_heads, head_dim, slots);
  check.cache("cache", cache, cache == SMQ_BF16 ? SMQ_BF16 : SMQ_F16, head_dim);
  if (check.failed()) return check.status();
  return run_attention_bytes(m, heads, kv_heads, head_dim, slots, cache, out);
}

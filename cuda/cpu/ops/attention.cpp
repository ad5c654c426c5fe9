// Attention over a cache, with or without a tree mask.
#include <algorithm>

#include "context.h"
#include "ops/attention.kernel.h"

using namespace smq;

namespace {

void check_shape(Check& check, int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim,
                 int32_t slots) {
  check.at_least("m", m, 1).at_least("heads", heads, 1).at_least("kv_heads", kv_heads, 1);
  if (!check.failed()) check.multiple("heads", heads, kv_heads);
  check.at_least("head_dim", head_dim, 8).multiple("head_dim", head_dim, 8);
  check.limit("head_dim", head_dim, kAttentionDim).at_least("slots", slots, 1);
}

}  // namespace

int32_t smq_attention(smq_context* ctx, uint64_t out, uint64_t qkv, uint64_t k_cache,
                      uint64_t v_cache, int32_t slots, uint64_t cache_length, uint64_t mask,
                      int32_t mask_words, int32_t slot_offset, int32_t window, float scale,
                      int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim,
                      int32_t dtype, uint64_t) {
  Check check;
  check.pointer("ctx", ctx).address("out", out).address("qkv", qkv).address("k_cache", k_cache);
  check.address("v_cache", v_cache).address("cache_length", cache_length).half("dtype", dtype);
  check_shape(check, m, heads, kv_heads, head_dim, slots);
  check.at_least("window", window, 0).finite("scale", scale);
  if (mask) check.at_least("mask_words", mask_words, 1).limit("mask_words", mask_words, SMQ_MAX_MASK);
  check.extent("qkv", qkv, m, (int64_t(heads) + 2 * int64_t(kv_heads)) * head_dim, 2);
  check.extent("out", out, m, int64_t(heads) * head_dim, 2);
  check.extent("k_cache", k_cache, slots, int64_t(kv_heads) * head_dim, 2);
  check.extent("v_cache", v_cache, slots, int64_t(kv_heads) * head_dim, 2);
  if (check.failed()) return check.status();
  Attention args{};
  args.out = at<void>(out);
  args.qkv = at<const void>(qkv);
  args.k_cache = at<const void>(k_cache);
  args.v_cache = at<const void>(v_cache);
  args.cache_length = at<const int32_t>(cache_length);
  args.mask = at<const uint64_t>(mask);
  args.slots = slots;
  args.mask_words = mask_words;
  args.slot_offset = slot_offset;
  args.window = window;
  args.heads = heads;
  args.kv_heads = kv_heads;
  args.head_dim = head_dim;
  args.scale = scale;
  return submit(ctx, [=] {
    const auto kernel = ctx->kernels.half[dtype].attention;
    const double keys = std::clamp(double(*args.cache_length) + 0.5 * m, 1.0, double(slots));
    const double cost = 0.1 * keys * head_dim * (heads / kv_heads) + 100;
    ctx->pool.run(int64_t(m) * kv_heads, cost, [&](int64_t begin, int64_t end, int) {
      kernel(args, begin, end);
    });
  });
}

int32_t smq_attention_bytes(int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim,
                            int32_t slots, int64_t* out) {
  Check check;
  check.pointer("out", out);
  check_shape(check, m, heads, kv_heads, head_dim, slots);
  if (check.failed()) return check.status();
  // The softmax runs along the keys, so what it holds fits on a thread's stack.
  *out = 0;
  return SMQ_OK;
}

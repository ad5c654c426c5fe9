// Rotation of q and k, and the write of k and v into their caches.
#include "common/address.h"
#include "common/error.h"
#include "common/kv_cache.h"
#include "common/ops.h"

using namespace smq;

int32_t smq_rope_kv(smq_context* ctx, uint64_t qkv, uint64_t table, int32_t positions,
                    uint64_t cache_length, uint64_t depths, int32_t position_offset,
                    int32_t slot_offset, uint64_t q_norm, uint64_t k_norm, float eps,
                    uint64_t k_cache, uint64_t v_cache, int32_t slots, int32_t m, int32_t heads,
                    int32_t kv_heads, int32_t head_dim, int32_t dtype, int32_t cache) {
  Check check;
  check.pointer("ctx", ctx).address("qkv", qkv).address("table", table);
  check.address("cache_length", cache_length).address("k_cache", k_cache);
  check.address("v_cache", v_cache).half("dtype", dtype).at_least("m", m, 1);
  check.at_least("positions", positions, 1).at_least("slots", slots, 1);
  check.at_least("heads", heads, 1).at_least("kv_heads", kv_heads, 1);
  check.at_least("head_dim", head_dim, 2).multiple("head_dim", head_dim, 2).finite("eps", eps);
  check.expect(eps >= 0, "eps is negative, expected 0 or more");
  check.extent("qkv", qkv, m, (int64_t(heads) + 2 * int64_t(kv_heads)) * head_dim, 2);
  check.extent("table", table, positions, head_dim, 4);
  check.cache("cache", cache, dtype, head_dim);
  const int64_t row_bytes = cache_row_bytes(kv_heads, head_dim, cache);
  check.extent("k_cache", k_cache, slots, row_bytes, 1).extent("v_cache", v_cache, slots, row_bytes, 1);
  if (check.failed()) return check.status();
  return run_rope_kv(
      ctx, {at<void>(qkv), at<const float>(table), at<const int32_t>(cache_length),
            at<const int32_t>(depths), at<const void>(q_norm), at<const void>(k_norm),
            at<void>(k_cache), at<void>(v_cache), positions, position_offset, slot_offset, slots, m,
            heads, kv_heads, head_dim, dtype, cache, eps});
}

int32_t smq_rope_keys(smq_context* ctx, uint64_t kv, uint64_t table, int32_t positions,
                      uint64_t cache_length, uint64_t k_norms, float eps, uint64_t caches,
                      int32_t layers, int32_t slots, int32_t m, int32_t kv_heads, int32_t head_dim,
                      int32_t dtype, int32_t cache) {
  Check check;
  check.pointer("ctx", ctx).address("kv", kv).address("table", table).address("caches", caches);
  check.address("cache_length", cache_length).half("dtype", dtype).at_least("m", m, 1);
  check.at_least("positions", positions, 1).at_least("slots", slots, 1);
  check.at_least("layers", layers, 1).at_least("kv_heads", kv_heads, 1);
  check.at_least("head_dim", head_dim, 2).multiple("head_dim", head_dim, 2).finite("eps", eps);
  check.expect(eps >= 0, "eps is negative, expected 0 or more");
  check.extent("kv", kv, m, int64_t(layers) * 2 * kv_heads * head_dim, 2);
  check.extent("table", table, positions, head_dim, 4);
  check.cache("cache", cache, dtype, head_dim);
  if (check.failed()) return check.status();
  RopeKv one{};
  one.table = at<const float>(table);
  one.cache_length = at<const int32_t>(cache_length);
  one.positions = positions, one.slots = slots, one.m = m, one.kv_heads = kv_heads;
  one.head_dim = head_dim, one.dtype = dtype, one.cache = cache, one.eps = eps;
  return run_rope_keys(ctx, {one, at<const void>(kv), at<const void>(k_norms),
                             at<const uint64_t>(caches), layers});
}

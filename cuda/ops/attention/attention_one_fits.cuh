// When attention is one kernel (attention_one.cuh), and when the rotation before it waits for that.
#pragma once

#include "ops/attention/attention.cuh"
#include "ops/attention/attention_spans.cuh"

namespace smq {

// Blocks of the cluster of a kv head: as many as there are multiprocessors for, up to 16; 1 if that is none at all.
inline int one_row_cluster(const smq_context* ctx, int32_t kv_heads) {
  int blocks = 16;
  while (blocks > 1 && blocks * kv_heads > ctx->sms) blocks /= 2;
  return blocks;
}

// Whether its kernel can attend for a row of such heads.
inline bool one_row_serves(const smq_context* ctx, int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim,
                           int32_t cache) {
  constexpr int32_t kMostGroup = 16;
  return cache != SMQ_I8 && ctx->capability >= 90 && m == 1 && (head_dim == 64 || head_dim == 128) &&
         heads / kv_heads <= kMostGroup && one_row_cluster(ctx, kv_heads) > 1;
}

// One row of a cache of so many slots. The longer the cache, the more chunks a block has to take one after the other;
// kernels that read the cache by all multiprocessors' full rings then are quicker (decision 32 has the times). Caches
// in 8 bits have those at any length.
inline bool one_row_fits(const smq_context* ctx, int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim,
                         int32_t slots, int32_t cache) {
  constexpr int32_t kMostChunks = 1;
  return one_row_serves(ctx, m, heads, kv_heads, head_dim, cache) &&
         chunks_of(slots) <= kMostChunks * one_row_cluster(ctx, kv_heads);
}

// Whether that is the rotation of this attention's rows.
inline bool is_rotated_by(const RopeKv& rope, const Attention& args) {
  return rope.qkv == args.qkv && rope.k_cache == args.k_cache && rope.v_cache == args.v_cache &&
         rope.cache_length == args.cache_length && rope.slots == args.slots && rope.heads == args.heads &&
         rope.kv_heads == args.kv_heads && rope.head_dim == args.head_dim && rope.dtype == args.dtype && rope.m == args.m;
}

// Whether the rotation that waits is of this attention's row.
inline bool waits_for(const smq_context* ctx, const Attention& args) {
  return ctx->rotation && is_rotated_by(*ctx->rotation, args);
}

// With the rotation that waits, or behind one that has run.
int32_t attention_of_one_64(smq_context* ctx, const AttentionArgs& args, bool rotate);
int32_t attention_of_one_128(smq_context* ctx, const AttentionArgs& args, bool rotate);

}  // namespace smq

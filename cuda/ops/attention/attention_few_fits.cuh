// When the rotation and the attention of a few rows are one kernel (attention_few.cuh).
#pragma once

#include <algorithm>

#include "ops/attention/attention_one_fits.cuh"

namespace smq {

constexpr int32_t kMostFew = 16;     // rows, at most
constexpr int32_t kFewCluster = 4;   // blocks of a cluster
constexpr int32_t kTailRows = 2;     // of a block, of those that see pairs of this forward
constexpr int32_t kTailHeads = 4;    // of their cluster
constexpr int32_t kFewQueries = 64;  // query rows of a kv head that a block has room for

// Rows of a head's queries in shared memory.
inline int32_t few_padded(int32_t m) { return m <= 8 ? 8 : kMostFew; }

// Clusters of a kv head for the chunks that all rows see whole: with the one for the rest, as many as three quarters of
// the multiprocessors hold, as clusters do not fill all of them.
inline int32_t few_clusters(const smq_context* ctx, int32_t kv_heads, int32_t slots) {
  const int32_t most = ctx->sms * 3 / 4 / kFewCluster / kv_heads - 1;
  return std::min(most, (chunks_of(slots) + kFewCluster - 1) / kFewCluster);
}

// A block takes chunks one after the other, and each is a span.
inline bool few_rows_fit(const smq_context* ctx, int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim,
                         int32_t slots, int32_t cache) {
  constexpr int32_t kMostChunks = 3;
  const int32_t group = heads / kv_heads, clusters = few_clusters(ctx, kv_heads, slots);
  return cache != SMQ_I8 && ctx->capability >= 90 && m > 1 && m <= kMostFew && (head_dim == 64 || head_dim == 128) &&
         few_padded(m) * group <= kFewQueries && clusters > 0 && chunks_of(slots) <= spans_for(kv_heads) &&
         chunks_of(slots) <= kMostChunks * kFewCluster * clusters;
}

// Whether the attention is one that this kernel knows, behind the rotation that waits.
inline bool few_rows_serve(const smq_context* ctx, const Attention& args) {
  return few_rows_fit(ctx, args.m, args.heads, args.kv_heads, args.head_dim, args.slots, args.cache) &&
         waits_for(ctx, args) && ctx->rotation->slot_offset == args.slot_offset && args.window == 0 &&
         args.mask_words <= 1 && (!args.mask || args.slot_offset == 0);
}

int32_t attention_of_few_64(smq_context* ctx, const AttentionArgs& args);
int32_t attention_of_few_128(smq_context* ctx, const AttentionArgs& args);

}  // namespace smq

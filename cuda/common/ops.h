// What a library implements of the ops: for each smq_<op> a run_<op>, called with arguments that
// common/ops/ has checked. A library refuses there only what it alone cannot hold. Ops of many
// arguments take them in a struct, the others as specmquant.h has them.
#pragma once

#include "common/abi.h"
#include "common/address.h"

namespace smq {

decltype(smq_copy) run_copy;  // bytes > 0
decltype(smq_fill) run_fill;  // bytes > 0
decltype(smq_checksum) run_checksum;

struct Embed {
  uint64_t out, table;
  const int32_t *tokens, *start;
  int32_t out_stride, out_dtype, table_dtype, shift, m, hidden, vocab;
};
int32_t run_embed(smq_context* ctx, const Embed& args);

// From a table in 8 bits, in groups.
struct EmbedW8 {
  uint64_t out, table;
  const int32_t *tokens, *start;
  int32_t out_stride, out_dtype, group, offsets, shift, m, hidden, vocab;
};
int32_t run_embed_w8_group(smq_context* ctx, const EmbedW8& args);

decltype(smq_rms_norm) run_rms_norm;
decltype(smq_convert) run_convert;
decltype(smq_widen) run_widen;

decltype(smq_quantize_rows) run_quantize_rows;
decltype(smq_rms_norm_quantized) run_rms_norm_quantized;
decltype(smq_silu_mul_quantized) run_silu_mul_quantized;

struct RopeKv {
  void* qkv;
  const float* table;
  const int32_t *cache_length, *depths;
  const void *q_norm, *k_norm;
  void *k_cache, *v_cache;
  int32_t positions, position_offset, slot_offset, slots, m, heads, kv_heads, head_dim, dtype, cache;
  float eps;
};
int32_t run_rope_kv(smq_context* ctx, const RopeKv& args);

// Of several layers: what `one` has is the same in all, but for its caches and norms.
struct RopeKeys {
  RopeKv one;
  const void *kv, *k_norms;
  const uint64_t* caches;
  int32_t layers;

  SMQ_ANYWHERE int64_t width() const { return 2 * int64_t(one.kv_heads) * one.head_dim; }
  // What the rotation of one layer's keys and values of a row is.
  SMQ_ANYWHERE RopeKv of(int32_t layer) const {
    RopeKv found = one;
    found.k_cache = reinterpret_cast<void*>(caches[layer]);
    found.v_cache = reinterpret_cast<void*>(caches[layers + layer]);
    if (k_norms) found.k_norm = static_cast<const uint16_t*>(k_norms) + int64_t(layer) * one.head_dim;
    return found;
  }
};
int32_t run_rope_keys(smq_context* ctx, const RopeKeys& args);

struct Attention {
  void* out;
  const void *qkv, *k_cache, *v_cache;
  const int32_t* cache_length;
  const uint64_t* mask;
  float* workspace;
  int32_t slots, mask_words, slot_offset, window, m, heads, kv_heads, head_dim, dtype, cache;
  float scale;
};
int32_t run_attention(smq_context* ctx, const Attention& args);
decltype(smq_attention_bytes) run_attention_bytes;

// A product; group is 0 where weights have no groups.
struct GemmArgs {
  uint64_t y, x, w, bias;
  int32_t y_stride, epilogue, m, n, k, group, dtype;
  int32_t zeros;              // of W4A16: SMQ_ZEROS_*; of 8 bits in groups: whether there are offsets
  uint64_t x_scales, x_sums;  // of 8-bit rows, else 0
};
int32_t run_gemm_f16(smq_context* ctx, const GemmArgs& args);
int32_t run_gemm_w4a16(smq_context* ctx, const GemmArgs& args);
int32_t run_gemm_w8a8(smq_context* ctx, const GemmArgs& args);
int32_t run_gemm_fp8(smq_context* ctx, const GemmArgs& args);
int32_t run_gemm_w8a16(smq_context* ctx, const GemmArgs& args);
int32_t run_gemm_w8a16_group(smq_context* ctx, const GemmArgs& args);
int32_t run_gemm_w4a8(smq_context* ctx, const GemmArgs& args);
decltype(smq_w4a16_bytes) run_w4a16_bytes;
decltype(smq_w8_bytes) run_w8_bytes;
decltype(smq_w4a8_bytes) run_w4a8_bytes;
decltype(smq_w8_group_bytes) run_w8_group_bytes;
decltype(smq_w8_pack) run_w8_pack;
decltype(smq_w8_group_pack) run_w8_group_pack;

// At most one of zeros and offsets is given.
struct W4A16Pack {
  uint64_t w, qweight, scales, zeros, offsets, order;
  int32_t n_total, n_offset, n, k, group;
};
int32_t run_w4a16_pack(smq_context* ctx, const W4A16Pack& args);

struct W4A8Pack {
  uint64_t w, qweight, scales, offsets, group_scales, group_zeros;
  int32_t n_total, n_offset, n, k, group;
};
int32_t run_w4a8_pack(smq_context* ctx, const W4A8Pack& args);
decltype(smq_unpack) run_unpack;
decltype(smq_unpack_blocks) run_unpack_blocks;
decltype(smq_gather_columns) run_gather_columns;

struct GemmF32 {
  float* y;
  const float *a, *b;
  int64_t y_stride, a_stride, b_stride;
  int32_t m, n, k, update;
  bool transposed;
};
int32_t run_gemm_f32(smq_context* ctx, const GemmF32& args);

decltype(smq_silu_mul) run_silu_mul;

// What the entries of a row of logits stand for: without a map, each for the token of its index.
struct EntryMap {
  const int32_t *tokens, *entries;
  int32_t known;
  SMQ_ANYWHERE int32_t token_of(int32_t entry) const { return tokens ? tokens[entry] : entry; }
  // Negative where the token has none.
  SMQ_ANYWHERE int32_t entry_of(int32_t token) const {
    if (!tokens) return token;
    return token >= 0 && token < known ? entries[token] : -1;
  }
};

struct Choose {
  int32_t* choice;
  float* scores;
  const float* logits;
  const int32_t* settings;
  const int32_t* bias_ids;
  const float* bias_values;
  const uint32_t* allowed;
  const int32_t *history, *cache_length, *tokens, *depths;
  const uint64_t* mask;
  int32_t m, vocab, chosen_from;
  EntryMap map = {};
};
int32_t run_choose(smq_context* ctx, const Choose& args);
decltype(smq_top_log_probs) run_top_log_probs;
// The rows of `from` are changed in place: its scores are its logits.
int32_t run_top_choices(smq_context* ctx, uint64_t values, uint64_t ids, const Choose& from,
                        int32_t offset, int32_t step, int32_t topk);
// What smq_likeliest writes; `from` as above.
struct Likeliest {
  Choose from;
  int32_t *drafted, *last;
  uint16_t* said;
  const uint16_t* table;
  int32_t table_rows, rank, offset;
};
int32_t run_likeliest(smq_context* ctx, const Likeliest& args);
decltype(smq_log_probs) run_log_probs;

decltype(smq_gather_rows) run_gather_rows;
decltype(smq_last_row) run_last_row;
decltype(smq_ring_write) run_ring_write;
decltype(smq_ring_read) run_ring_read;

struct TreeExpand {
  float* scores;
  int32_t *tokens, *parents, *nodes, *front_tokens, *front_rows;
  uint64_t* mask;
  const float* values;
  const int32_t* ids;
  int32_t words, level, topk;
};
int32_t run_tree_expand(smq_context* ctx, const TreeExpand& args);

struct TreeSelect {
  int32_t *tokens, *parents, *depths;
  uint64_t* mask;
  const float* scores;
  const int32_t *candidate_tokens, *candidate_parents, *history, *cache_length;
  int32_t candidates, size;
};
int32_t run_tree_select(smq_context* ctx, const TreeSelect& args);

struct TreeSiblings {
  float* scores;
  int32_t *tokens, *parents;
  const float* values;
  const int32_t *ids, *history, *cache_length, *limit;
  int32_t ring_rows, topk, depth, vocab;
};
int32_t run_tree_siblings(smq_context* ctx, const TreeSiblings& args);

// Without tokens and parents the rows are a sequence.
struct Verify {
  int32_t *result, *path, *history;
  const int32_t *cache_length, *choice, *tokens, *parents, *limit;
  int32_t m;
};
int32_t run_verify(smq_context* ctx, const Verify& args);

struct Commit {
  const uint64_t* caches;
  const int32_t *path, *result;
  int32_t* cache_length;
  int32_t count, row_bytes, m;
};
int32_t run_commit(smq_context* ctx, const Commit& args);

decltype(smq_advance) run_advance;
decltype(smq_cut_back) run_cut_back;

}  // namespace smq

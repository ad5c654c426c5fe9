// What the kernels of attention share: their arguments, and a row's list of pairs.
#pragma once

#include <cstdint>

#include "common/kv_cache.h"
#include "context.cuh"

namespace smq {

// The most rows of the decoding kernels (and of a forward with a mask), head_dim and mask words.
constexpr int32_t kDecodeRows = 64;
constexpr int32_t kMostHeadDim = 256;

// With `scale` times log2 e: weights are powers of two.
struct AttentionArgs : Attention {
  __host__ __device__ int32_t group() const { return heads / kv_heads; }
  __host__ __device__ int64_t qkv_row() const {
    return (int64_t(heads) + 2 * int64_t(kv_heads)) * head_dim;
  }
  __host__ __device__ int64_t kv_row() const { return int64_t(kv_heads) * head_dim; }
  // Bytes of a slot, and the byte of it that the scale of a head in 8 bits is at.
  __host__ __device__ int64_t row_bytes() const { return cache_row_bytes(kv_heads, head_dim, cache); }
  __host__ __device__ int64_t scale_at(int32_t kv_head) const { return kv_row() + 2 * int64_t(kv_head); }
};

// A multiprocessor keeps this much for each block.
constexpr int kBlockShared = 1024;

// The shared memory of each of so many blocks on a multiprocessor.
inline int room_of(const smq_context* ctx, int blocks) { return (ctx->shared + kBlockShared) / blocks - kBlockShared; }

int32_t decode_attention(smq_context* ctx, const AttentionArgs& args, int32_t dtype);
// Of a head_dim padded to so many.
int32_t decode_attention_64(smq_context* ctx, const AttentionArgs& args, int32_t dtype);
int32_t decode_attention_128(smq_context* ctx, const AttentionArgs& args, int32_t dtype);
int32_t decode_attention_256(smq_context* ctx, const AttentionArgs& args, int32_t dtype);
// Of caches in 8 bits, of heads of up to 128.
int32_t decode_of_eight_64(smq_context* ctx, const AttentionArgs& args, int32_t dtype);
int32_t decode_of_eight_128(smq_context* ctx, const AttentionArgs& args, int32_t dtype);
int64_t decode_attention_bytes(int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim, int32_t slots);
int32_t prefill_attention(smq_context* ctx, const AttentionArgs& args, int32_t dtype);
// Of a cache in 8 bits: writes what it stands for into the workspace, behind what the kernels need there, and has them
// attend to that.
bool is_widened(int32_t m, int32_t head_dim, int32_t cache);
int32_t attention_of_widened(smq_context* ctx, const AttentionArgs& args, int32_t dtype);
int64_t widened_bytes(int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim, int32_t slots);
// Of many rows by wgmma; heads of 64 or 128, scales above zero.
bool prompt_fits_hopper(const smq_context* ctx, const AttentionArgs& args);
int32_t prompt_on_hopper(smq_context* ctx, const AttentionArgs& args, int32_t dtype);

// Pairs that every row of the forward has in common, from the first on, the window aside.
__device__ __forceinline__ int32_t committed(const AttentionArgs& args) {
  return min(max(*args.cache_length, 0), args.slots);
}

// Pairs in row i's list, the window aside, when `length` slots are committed.
__device__ __forceinline__ int32_t row_count(const AttentionArgs& args, int32_t length, int32_t i) {
  if (!args.mask) {
    const int64_t end = int64_t(length) + args.slot_offset + i + 1;
    return int32_t(min(max(end, int64_t(0)), int64_t(args.slots)));
  }
  int32_t count = length;
  for (int32_t w = 0; w < args.mask_words; ++w) {
    uint64_t word = args.mask[int64_t(i) * args.mask_words + w];
    const int32_t room = args.slots - length - 64 * w;  // bits beyond the cache do not count
    if (room <= 0) break;
    if (room < 64) word &= (uint64_t(1) << room) - 1;
    count += __popcll(word);
  }
  return count;
}

// The slot of the pair at place `index` of row i's list; index < row_count.
__device__ __forceinline__ int32_t row_slot(const AttentionArgs& args, int32_t length, int32_t i,
                                            int32_t index) {
  if (index < length || !args.mask) return index;
  int32_t rank = index - length;
  for (int32_t w = 0; w < args.mask_words; ++w) {
    uint64_t word = args.mask[int64_t(i) * args.mask_words + w];
    const int32_t bits = __popcll(word);
    if (rank < bits) {
      for (; rank > 0; --rank) word &= word - 1;
      return length + 64 * w + __ffsll(static_cast<long long>(word)) - 1;
    }
    rank -= bits;
  }
  return -1;
}

}  // namespace smq

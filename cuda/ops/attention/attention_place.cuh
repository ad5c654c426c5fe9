// Where the rows of a sequence and its caches lie: what attentions of company differ in.
#pragma once

#include "context.cuh"

namespace smq {

struct RowsPlace {
  void* out;
  const void *qkv, *k_cache, *v_cache;
  const int32_t* cache_length;
  const uint64_t* mask;
  int32_t slots;

  RowsPlace() = default;
  explicit RowsPlace(const Attention& args)
      : out(args.out), qkv(args.qkv), k_cache(args.k_cache), v_cache(args.v_cache), cache_length(args.cache_length),
        mask(args.mask), slots(args.slots) {}
  __device__ __forceinline__ void place(Attention& args) const {
    args.out = out, args.qkv = qkv, args.k_cache = k_cache, args.v_cache = v_cache;
    args.cache_length = cache_length, args.mask = mask, args.slots = slots;
  }
};

}  // namespace smq

// Whose rows a rotation's are: all of one sequence, or one each of many.
#pragma once

#include <vector>

#include "ops/company.cuh"

namespace smq {

struct RowsOfOne {
  RopeKv one;

  __device__ __forceinline__ const RopeKv& of(int64_t) const { return one; }
  __device__ __forceinline__ int64_t index(int64_t row) const { return row; }
};

// Each with caches of its own, and a length.
struct RowsOfMany {
  RopeKv one;
  struct Place {
    void* qkv;
    const int32_t *cache_length, *depths;
    void *k_cache, *v_cache;
    int32_t slots;
  } rows[kMostCompany];

  explicit RowsOfMany(const std::vector<RopeKv>& all) : one(all[0]), rows{} {
    for (size_t i = 0; i < all.size(); ++i) {
      const RopeKv& row = all[i];
      rows[i] = {row.qkv, row.cache_length, row.depths, row.k_cache, row.v_cache, row.slots};
    }
  }
  __device__ __forceinline__ RopeKv of(int64_t row) const {
    RopeKv found = one;
    const Place& place = rows[row];
    found.qkv = place.qkv, found.cache_length = place.cache_length, found.depths = place.depths;
    found.k_cache = place.k_cache, found.v_cache = place.v_cache, found.slots = place.slots;
    return found;
  }
  // Of a row within its sequence.
  __device__ __forceinline__ int64_t index(int64_t) const { return 0; }
};

}  // namespace smq

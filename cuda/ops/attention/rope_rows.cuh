// Whose rows a rotation's are: all of one sequence, or as many each of several.
#pragma once

#include <vector>

#include "ops/attention/attention_spans.cuh"
#include "ops/attention/company.cuh"

namespace smq {

struct RowsOfOne {
  RopeKv one;

  __device__ __forceinline__ const RopeKv& of(int32_t) const { return one; }
  __device__ __forceinline__ int64_t index(int32_t row) const { return row; }
};

// Each sequence with caches of its own, and a length.
struct RowsOfMany {
  RopeKv one;
  Divisor each;  // rows of a sequence
  struct Place {
    void* qkv;
    const int32_t *cache_length, *depths;
    void *k_cache, *v_cache;
    int32_t slots;
  } places[kMostCompany];

  explicit RowsOfMany(const std::vector<RopeKv>& all) : one(all[0]), each(one.m), places{} {
    for (size_t i = 0; i < all.size(); ++i) {
      const RopeKv& its = all[i];
      places[i] = {its.qkv, its.cache_length, its.depths, its.k_cache, its.v_cache, its.slots};
    }
  }
  __device__ __forceinline__ RopeKv of(int32_t row) const {
    RopeKv found = one;
    const Place& place = places[each.quotient(row)];
    found.qkv = place.qkv, found.cache_length = place.cache_length, found.depths = place.depths;
    found.k_cache = place.k_cache, found.v_cache = place.v_cache, found.slots = place.slots;
    return found;
  }
  // Of a row within its sequence.
  __device__ __forceinline__ int64_t index(int32_t row) const {
    return row - each.quotient(row) * int32_t(each.divisor);
  }
};

}  // namespace smq

// Which entries of a row are kept by top-k, top-p and min-p.
#pragma once

#include "ops/logits/choose.cuh"
#include "ops/logits/row_bins.cuh"

namespace smq {

__device__ __forceinline__ float value_of(uint32_t order) {
  return __uint_as_float(order & 0x80000000u ? order & 0x7fffffffu : ~order);
}

// Entries spread over steps below the largest, of a power of two each: up to kBins steps, as far as the lowest entry
// but no wider than 1/32.
struct Steps {
  float largest, each, per_one;

  __device__ __forceinline__ Steps(float largest, float lowest) : largest(largest) {
    const int exponent = int(__float_as_uint(largest - lowest) >> 23 & 255) - 127;  // of an infinity, too
    const int bits = min(max(kBinBits - 1 - exponent, 5), 100);
    per_one = __uint_as_float(uint32_t(127 + bits) << 23);
    each = __uint_as_float(uint32_t(127 - bits) << 23);
  }
  __device__ __forceinline__ uint32_t of(float x) const {
    return x == largest ? 0 : uint32_t(fminf((largest - x) * per_one, float(kBins - 1)));
  }
  // Bounds of the orders of a step's entries: what lies between is not all of that step, as a difference is rounded.
  __device__ __forceinline__ uint32_t high(uint32_t step) const {
    const float x = largest - float(step) * each;
    return step == 0 ? order_of(largest) : min(order_of(largest), order_of(x + slack(step)));
  }
  __device__ __forceinline__ uint32_t low(uint32_t step, uint32_t lowest) const {
    const float x = largest - float(step + 1) * each;
    return step == kBins - 1 ? lowest : max(lowest, order_of(x - slack(step)));
  }

 private:
  __device__ __forceinline__ float slack(uint32_t step) const {
    return (fabsf(largest) + float(step + 1) * each) * 0x1p-20f;
  }
};

// The largest order, from the largest entry's down to `lowest`, at which the weights of all entries from it up reach
// what wanted_of(the sum of all) says; `lowest` where they do not.
template <int kCount, class Wanted, class Weight>
__device__ Reached order_reaching(RowChunk& row, BinsShared& shared, float largest, uint32_t lowest,
                                  const Wanted& wanted_of, const Weight& weight_of) {
  const Steps steps(largest, value_of(lowest));
  fill_bins<kCount>(
      row, shared, [&](float x, uint32_t) { return order_of(x) >= lowest ? steps.of(x) : kBins; }, weight_of);
  uint64_t wanted = 0;
  if (!find_bin(row, shared, 0, [&](uint64_t total) { return wanted = wanted_of(total); })) return {lowest, 0, 0};
  const uint32_t step = shared.bin;
  return narrow_down<kCount>(
      row, shared, steps.high(step), steps.low(step, lowest), shared.above, wanted,
      [&](float x) { return steps.of(x) == step; }, [](float x, uint32_t) { return order_of(x); }, weight_of);
}

__device__ __forceinline__ float share_of(float x, float largest) {
  return x == largest ? 1.0f : expf(x - largest);
}

struct Cut {
  uint32_t order;  // the lowest that is kept
  uint32_t last;   // of equal entries with it, the last id that is kept
  float largest, min_p;

  __device__ __forceinline__ bool keeps(float x, uint32_t id) const {
    const uint32_t own = order_of(x);
    if (own < order || (own == order && id > last)) return false;
    return min_p == 0 || share_of(x, largest) >= min_p;
  }
};

// As on the twin. `lowest` is the order of the row's lowest entry above -infinity.
template <int kCount>
__device__ Cut cut_of(RowChunk& row, BinsShared& shared, float largest, uint32_t lowest, int32_t count,
                      const ChooseSettings& s) {
  Cut cut{lowest, ~0u, largest, s.min_p};
  if (s.top_k > 0 && s.top_k < count) {
    cut.order = order_reaching<kCount>(
                    row, shared, largest, lowest, [&](uint64_t) { return uint64_t(s.top_k); },
                    [](float) { return uint64_t(1); })
                    .key;
  }
  if (s.top_p < 1.0f) {
    const auto mass = [&](float x) { return mass_of(share_of(x, largest)); };
    uint64_t wanted = 0;
    const auto wanted_of = [&](uint64_t total) {
      wanted = uint64_t(ceil(double(s.top_p) * double(total)));
      return wanted = wanted > 1 ? wanted : 1;
    };
    const Reached reached = order_reaching<kCount>(row, shared, largest, cut.order, wanted_of, mass);
    cut.order = reached.key;
    // Of equal entries the lower ids are kept, as many as it takes. Their weight is not 0, as it reaches something.
    const uint64_t each = mass(value_of(cut.order));
    const uint64_t keep = (wanted - reached.above + each - 1) / each;
    if (keep * each < reached.weight) {
      cut.last = ~narrow_down<kCount>(
                      row, shared, ~0u, ~uint32_t(count - 1), 0, keep,
                      [&](float x) { return order_of(x) == cut.order; },
                      [](float, uint32_t id) { return ~id; }, [](float) { return uint64_t(1); })
                      .key;
    }
  }
  return cut;
}

}  // namespace smq

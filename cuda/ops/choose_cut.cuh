// Which entries of a row are kept by top-k, top-p and min-p. Each block of the row holds a chunk; they sum what lies
// in bins between two bounds, then narrow the bounds to the bin in which a sum is reached. Sums are of integers, so
// that no order of adding shows.
#pragma once

#include "ops/choose.cuh"
#include "ops/row_blocks.cuh"

namespace smq {

constexpr int kBinBits = 10, kBins = 1 << kBinBits, kBinsEach = kBins / kLogitThreads;
constexpr int kSums = 3;  // sets of bins of a row: one that is read, one that is added to, one that becomes zero
static_assert(kBinsEach == 4, "two loads of two sums");

__device__ __forceinline__ float value_of(uint32_t order) {
  return __uint_as_float(order & 0x80000000u ? order & 0x7fffffffu : ~order);
}

struct CutShared {
  uint32_t low[kBins], high[kBins];  // of each bin's weight
  uint64_t warps[kLogitThreads / 32];
  uint32_t bin;
  uint64_t above, weight;
};

// The chunk of a row that a block holds in shared memory, each thread its own entries, and the blocks of the row.
struct RowChunk {
  const float* x;  // entry e of a thread at chunk_index(e)
  int32_t chunk;
  uint64_t* sums;  // kSums times kBins, of the row
  RowBlocks blocks;

  __device__ __forceinline__ uint64_t* sums_of(uint32_t meeting) const {
    return sums + meeting % kSums * kBins;
  }
  // Meets the others. What they add to behind the next meeting is zero then: nobody has read it since the last one.
  __device__ __forceinline__ void meet() {
    uint64_t* next = sums_of(blocks.meetings + 1);
    const uint32_t step = blocks.count * kLogitThreads;
    for (uint32_t i = uint32_t(chunk) * kLogitThreads + threadIdx.x; i < kBins; i += step) next[i] = 0;
    blocks.meet();
  }
};

// visit(entries, their places in the chunk) of four entries of the thread's at a time.
template <int kCount, class Visit>
__device__ __forceinline__ void each_four(const float* x, const Visit& visit) {
#pragma unroll 2
  for (int e = 0; e < kLogitEach; e += 4) {
    float entries[4];
    uint32_t places[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) places[j] = uint32_t(chunk_index<kCount>(e + j));
    if constexpr (kCount == 4) {
      const float4 pack = *reinterpret_cast<const float4*>(x + places[0]);
      entries[0] = pack.x, entries[1] = pack.y, entries[2] = pack.z, entries[3] = pack.w;
    } else {
#pragma unroll
      for (int j = 0; j < 4; ++j) entries[j] = x[places[j]];
    }
    visit(entries, places);
  }
}

// Adds the weights of the row's entries to its bins: bin_of(entry, id) is one of kBins, or what is no bin. There is no
// adding of 64 bits in shared memory, and most weights fit into 32.
template <int kCount, class BinOf, class Weight>
__device__ void fill_bins(RowChunk& row, CutShared& shared, const BinOf& bin_of, const Weight& weight_of) {
  __syncthreads();
  for (int b = int(threadIdx.x); b < kBins; b += kLogitThreads) shared.low[b] = shared.high[b] = 0;
  __syncthreads();
  each_four<kCount>(row.x, [&](const float (&x)[4], const uint32_t (&places)[4]) {
    uint32_t bins[4], low[4], high[4], before[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      bins[j] = bin_of(x[j], uint32_t(row.chunk) * kChunk + places[j]);
      const uint64_t weight = bins[j] < kBins ? weight_of(x[j]) : 0;
      low[j] = uint32_t(weight);
      high[j] = uint32_t(weight >> 32);
      before[j] = low[j] ? atomicAdd(&shared.low[bins[j]], low[j]) : 0;
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      high[j] += before[j] + low[j] < before[j] ? 1 : 0;
      if (high[j]) atomicAdd(&shared.high[bins[j]], high[j]);
    }
  });
  __syncthreads();
  auto* sums = reinterpret_cast<unsigned long long*>(row.sums_of(row.blocks.meetings));
  for (int b = int(threadIdx.x); b < kBins; b += kLogitThreads) {
    const uint64_t weight = uint64_t(shared.high[b]) << 32 | shared.low[b];
    if (weight) atomicAdd(sums + b, static_cast<unsigned long long>(weight));
  }
  row.meet();
}

// Leaves in shared the first bin up to which the weights, and `above` before them, reach what wanted_of(their sum)
// says; what lies above that bin; and the bin's own weight. Whether there is such a bin.
template <class Wanted>
__device__ bool find_bin(const RowChunk& row, CutShared& shared, uint64_t above, const Wanted& wanted_of) {
  const int thread = int(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const uint64_t* sums = row.sums_of(row.blocks.meetings - 1) + thread * kBinsEach;
  uint64_t weights[kBinsEach];
#pragma unroll
  for (int j = 0; j < kBinsEach; j += 2) {
    const ulonglong2 pair = __ldcg(reinterpret_cast<const ulonglong2*>(sums + j));
    weights[j] = pair.x, weights[j + 1] = pair.y;
  }
  uint64_t own = 0;
#pragma unroll
  for (int j = 0; j < kBinsEach; ++j) own += weights[j];
  uint64_t end = own;
#pragma unroll
  for (int d = 1; d < 32; d *= 2) {
    const uint64_t other = __shfl_up_sync(~0u, end, d);
    if (lane >= d) end += other;
  }
  if (lane == 31) shared.warps[warp] = end;
  __syncthreads();
  uint64_t total = 0;
#pragma unroll
  for (int w = 0; w < kLogitThreads / 32; ++w) {
    if (w == warp) end += total;
    total += shared.warps[w];
  }
  const uint64_t wanted = wanted_of(total);
  end += above;
  uint64_t begin = end - own;
  if (begin < wanted && wanted <= end) {
    int j = 0;
#pragma unroll
    for (int b = 0; b < kBinsEach - 1; ++b) {
      if (j == b && begin + weights[b] < wanted) begin += weights[b], j = b + 1;
    }
    shared.bin = uint32_t(thread * kBinsEach + j);
    shared.above = begin;
    shared.weight = j == 0 ? weights[0] : j == 1 ? weights[1] : j == 2 ? weights[2] : weights[3];
  }
  __syncthreads();
  return above + total >= wanted;
}

struct Reached {
  uint32_t key;            // the entry's
  uint64_t above, weight;  // what those above it weigh, and those equal to it
};

// The largest key, from `high` down to `low`, at which the weights of all entries from it up, and `above` before
// them, reach `wanted`; they do at `low`. has(entry) says which entries have a key, key_of(entry, id) which one.
template <int kCount, class Has, class Key, class Weight>
__device__ Reached narrow_down(RowChunk& row, CutShared& shared, uint32_t high, uint32_t low, uint64_t above,
                               uint64_t wanted, const Has& has, const Key& key_of, const Weight& weight_of) {
  for (;;) {
    const uint32_t span = high - low;
    const int shift = max(0, 32 - __clz(int(span)) - kBinBits);
    fill_bins<kCount>(
        row, shared,
        [&](float x, uint32_t id) -> uint32_t {
          const uint32_t below = high - key_of(x, id);  // more than the span, too, where the key is above
          return below <= span && has(x) ? below >> shift : kBins;
        },
        weight_of);
    find_bin(row, shared, above, [&](uint64_t) { return wanted; });
    above = shared.above;
    high -= shared.bin << shift;
    if (shift == 0) return {high, above, shared.weight};
    low = max(low, high - min(high, (1u << shift) - 1));
  }
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
// what wanted_of(the sum of all) says; that of `lowest` where they do not. Its key is 0 then.
template <int kCount, class Wanted, class Weight>
__device__ Reached order_reaching(RowChunk& row, CutShared& shared, float largest, uint32_t lowest,
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
__device__ Cut cut_of(RowChunk& row, CutShared& shared, float largest, uint32_t lowest, int32_t count,
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

// The place in a row, held by several blocks, at which weights reach a sum: the blocks add up what lies in bins
// between two bounds, and narrow the bounds to the bin in which the sum is reached. Sums are of integers, so that no
// order of adding shows.
#pragma once

#include "ops/logits/logits.cuh"
#include "ops/logits/row_blocks.cuh"

namespace smq {

constexpr int kBinBits = 10, kBins = 1 << kBinBits, kBinsEach = kBins / kLogitThreads;
constexpr int kSums = 3;  // sets of bins of a row: one that is read, one that is added to, one that becomes zero
static_assert(kBinsEach == 4, "two loads of two sums");

struct BinsShared {
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
__device__ void fill_bins(RowChunk& row, BinsShared& shared, const BinOf& bin_of, const Weight& weight_of) {
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
__device__ bool find_bin(const RowChunk& row, BinsShared& shared, uint64_t above, const Wanted& wanted_of) {
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
__device__ Reached narrow_down(RowChunk& row, BinsShared& shared, uint32_t high, uint32_t low, uint64_t above,
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

}  // namespace smq

// The choice of tokens from rows of logits. A row is shared out to several blocks; the last one to end
// merges what they found, and where entries are cut looks at the row again.
#include <algorithm>

#include "ops/choose.cuh"

using namespace smq;

namespace {

constexpr int kBins = 256;

// What the blocks of a row tell the last one: the largest entry's key, and whether there is a NaN.
struct Found {
  uint32_t ended, nan;
  unsigned long long top;
};

__device__ __forceinline__ float value_of(uint64_t key) {
  const uint32_t order = uint32_t(key >> 32);
  return __uint_as_float(order & 0x80000000u ? order & 0x7fffffffu : ~order);
}

__device__ __forceinline__ bool above_nothing(uint64_t key) {
  return key != 0 && value_of(key) > -INFINITY;
}

struct ChooseShared {
  union {
    ProcessShared process;
    struct {
      uint32_t low[kBins], high[kBins];  // of each bin's weight
    } bins;
  };
  uint64_t warps[kLogitThreads / 32];
  uint32_t bin, last;
  unsigned long long above, weight, total;
};

__device__ uint64_t block_top(uint64_t top, uint64_t* warps) {
  top = warp_max(top);
  __syncthreads();
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = top;
  __syncthreads();
  return warp_max(warps[threadIdx.x % (kLogitThreads / 32)]);
}

__device__ __forceinline__ uint64_t noisy_key(float x, uint32_t i, const Bits4& bits) {
  return x > -INFINITY ? top_key(x + gumbel(bits.word[i % 4]), i) : 0;
}

// visit(entry, id) of each entry of a row in memory, many of them on their way at once.
template <int kCount, class Visit>
__device__ __forceinline__ void each_entry(const float* x, int32_t count, const Visit& visit) {
  constexpr int kAtOnce = kCount == 4 ? 4 : 8;
  constexpr int32_t kStep = kLogitThreads * kCount;
  for (int32_t base = int32_t(threadIdx.x) * kCount; base < count; base += kStep * kAtOnce) {
    float e[kAtOnce][kCount];
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j) {
      const int32_t i = base + j * kStep;
      if (i >= count) break;
      if constexpr (kCount == 4) {
        const float4 pack = __ldcg(reinterpret_cast<const float4*>(x + i));
        e[j][0] = pack.x, e[j][1] = pack.y, e[j][2] = pack.z, e[j][3] = pack.w;
      } else {
        e[j][0] = __ldcg(x + i);
      }
    }
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j) {
#pragma unroll
      for (int k = 0; k < kCount; ++k) {
        const int32_t i = base + j * kStep + k;
        if (i < count) visit(e[j][k], i);
      }
    }
  }
}

// The largest of the entries kept with its noise. All threads get it.
template <int kCount, class Keeps>
__device__ uint64_t draw(float* x, int32_t count, uint32_t position, const ChooseSettings& s,
                         ChooseShared& shared, const Keeps& keeps) {
  uint64_t top = 0;
  each_entry<kCount>(x, count, [&](float value, int32_t i) {
    if (!keeps(order_of(value), i)) {
      if (s.scores) x[i] = -INFINITY;
      return;
    }
    const Bits4 bits = philox(s.seed0, s.seed1, position, uint32_t(i) / 4);
    const uint64_t key = noisy_key(value, uint32_t(i), bits);
    top = key > top ? key : top;
  });
  return block_top(top, shared.warps);
}

__device__ __forceinline__ void clear_bins(ChooseShared& shared) {
  __syncthreads();
  for (int b = int(threadIdx.x); b < kBins; b += kLogitThreads) {
    shared.bins.low[b] = 0;
    shared.bins.high[b] = 0;
  }
  __syncthreads();
}

// In two words: there is no adding of 64 bits in shared memory.
__device__ __forceinline__ void add_to_bin(ChooseShared& shared, uint32_t bin, uint64_t weight) {
  const uint32_t low = uint32_t(weight);
  const uint32_t before = atomicAdd(&shared.bins.low[bin], low);
  const uint32_t high = uint32_t(weight >> 32) + (before + low < before ? 1 : 0);
  if (high) atomicAdd(&shared.bins.high[bin], high);
}

// Leaves in shared the first bin up to which the weights, and `sum` before them, reach `wanted`, the last where none
// does; what lies above that bin, and the bin's own weight.
__device__ void find_bin(ChooseShared& shared, uint64_t sum, uint64_t wanted) {
  constexpr int kEach = kBins / 32;
  __syncthreads();
  const int lane = int(threadIdx.x);
  if (lane < 32) {
    const auto weight = [&](int j) {
      const int bin = lane * kEach + j;
      return uint64_t(shared.bins.high[bin]) << 32 | shared.bins.low[bin];
    };
    uint64_t own = 0;
    for (int j = 0; j < kEach; ++j) own += weight(j);
    uint64_t end = own;
    for (int d = 1; d < 32; d *= 2) {
      const uint64_t other = __shfl_up_sync(~0u, end, d);
      if (lane >= d) end += other;
    }
    const uint32_t reached = __ballot_sync(~0u, sum + end >= wanted);
    if (lane == (reached ? __ffs(int(reached)) - 1 : 31)) {
      uint64_t above = sum + end - own;
      int j = 0;
      for (; j < kEach - 1 && above + weight(j) < wanted; ++j) above += weight(j);
      shared.bin = uint32_t(lane * kEach + j);
      shared.above = above;
      shared.weight = weight(j);
    }
  }
  __syncthreads();
}

// Steps of an eighth below the largest entry: entries spread over them, where few of the bits of their order differ.
__device__ __forceinline__ uint32_t step_below(float x, float largest) {
  return x == largest ? 0 : uint32_t(fminf((largest - x) * 8.0f, float(kBins - 1)));
}

struct Reached {
  uint32_t order;          // the entry's
  uint64_t above, weight;  // what those above it weigh, and those equal to it
};

// As on the twin: the largest order at which the weights of all entries from it up reach what wanted(total) says.
template <int kCount, class Wanted, class Weight>
__device__ Reached order_reaching(const float* x, int32_t count, float largest, ChooseShared& shared,
                                  const Wanted& wanted_of, const Weight& weight) {
  clear_bins(shared);
  if (threadIdx.x == 0) shared.total = 0;
  __syncthreads();
  unsigned long long total = 0;
  each_entry<kCount>(x, count, [&](float value, int32_t) {
    const uint64_t w = weight(value, order_of(value));
    if (w == 0) return;
    total += w;
    add_to_bin(shared, step_below(value, largest), w);
  });
  atomicAdd(&shared.total, total);
  __syncthreads();
  const uint64_t wanted = wanted_of(shared.total);
  find_bin(shared, 0, wanted);
  const uint32_t step = shared.bin;
  uint64_t above = shared.above;
  uint32_t found = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    clear_bins(shared);
    each_entry<kCount>(x, count, [&](float value, int32_t) {
      const uint32_t order = order_of(value);
      if (step_below(value, largest) != step) return;
      if (shift < 24 && (order ^ found) >> (shift + 8)) return;
      const uint64_t w = weight(value, order);
      // The largest first.
      if (w) add_to_bin(shared, 255 - (order >> shift & 255), w);
    });
    find_bin(shared, above, wanted);
    found |= (255 - shared.bin) << shift;
    above = shared.above;
  }
  return {found, above, shared.weight};
}

__device__ __forceinline__ float share_of(float x, float largest) {
  return x == largest ? 1.0f : expf(x - largest);
}

// The lowest id up to which `keep` entries have `order`.
template <int kCount>
__device__ int32_t id_of_equal(const float* x, int32_t count, uint32_t order, uint64_t keep,
                               ChooseShared& shared) {
  int32_t low = 0, high = count - 1;
  while (low < high) {
    const int32_t middle = (low + high) / 2;
    uint32_t here = 0;
    each_entry<kCount>(x, count, [&](float value, int32_t i) {
      here += i <= middle && order_of(value) == order;
    });
    __syncthreads();
    if (threadIdx.x == 0) shared.last = 0;
    __syncthreads();
    if (here) atomicAdd(&shared.last, here);
    __syncthreads();
    if (shared.last >= keep) high = middle;
    else low = middle + 1;
  }
  return low;
}

// The token of a row whose processed entries lie in scores, the largest of them given.
template <int kCount>
__device__ uint64_t cut_and_draw(float* x, int32_t count, float largest, uint32_t position,
                                 const ChooseSettings& s, ChooseShared& shared) {
  uint32_t lowest = 0;
  int32_t last = INT32_MAX;
  if (s.top_k > 0 && s.top_k < count) {
    lowest = order_reaching<kCount>(
                 x, count, largest, shared, [&](uint64_t) { return uint64_t(s.top_k); },
                 [](float, uint32_t) { return uint64_t(1); })
                 .order;
  }
  if (s.top_p < 1.0f) {
    const uint32_t floor = lowest;
    const auto mass = [&](float value, uint32_t order) -> uint64_t {
      return order >= floor ? mass_of(share_of(value, largest)) : 0;
    };
    uint64_t wanted = 0;
    const Reached reached = order_reaching<kCount>(
        x, count, largest, shared,
        [&](uint64_t total) {
          wanted = uint64_t(ceil(double(s.top_p) * double(total)));
          return wanted = wanted > 1 ? wanted : 1;
        },
        mass);
    if (reached.order >= lowest) {
      lowest = reached.order;
      // Of equal entries the lower ids are kept, as many as it takes.
      const float value = value_of(uint64_t(lowest) << 32);
      const uint64_t each = mass(value, lowest);
      const uint64_t keep = each ? (wanted - reached.above + each - 1) / each : 1;
      if (each == 0 || keep * each < reached.weight) {
        last = id_of_equal<kCount>(x, count, lowest, keep, shared);
      }
    }
  }
  if (s.min_p > 0.0f) {
    // Shares rise with entries, so this is one more threshold.
    __syncthreads();
    if (threadIdx.x == 0) shared.last = order_of(largest);
    __syncthreads();
    uint32_t mine = ~0u;
    each_entry<kCount>(x, count, [&](float value, int32_t) {
      if (share_of(value, largest) >= s.min_p) mine = min(mine, order_of(value));
    });
    atomicMin(&shared.last, mine);
    __syncthreads();
    if (shared.last > lowest) {
      lowest = shared.last;
      last = INT32_MAX;
    }
  }
  return draw<kCount>(x, count, position, s, shared, [&](uint32_t order, int32_t id) {
    return order > lowest || (order == lowest && id <= last);
  });
}

template <int kCount>
__global__ void __launch_bounds__(kLogitThreads) choose_kernel(const Choose args, Found* founds) {
  __shared__ ChooseShared shared;
  wait_for_previous();
  let_next_start();
  const int32_t row = int32_t(blockIdx.y);
  const int32_t count = args.chosen_from;
  const uint32_t first = blockIdx.x * kChunk;
  const ChooseSettings s = choose_settings(args.settings);
  float x[kLogitEach];
  load_chunk<kCount>(x, args.logits + int64_t(row) * args.vocab, int32_t(blockIdx.x), count);
  bool nan = false;
#pragma unroll
  for (int e = 0; e < kLogitEach; ++e) {
    const bool there = first + uint32_t(chunk_index<kCount>(e)) < uint32_t(count);
    nan |= there && !(x[e] == x[e]);
    if (!there) x[e] = -INFINITY;
  }
  process<kCount>(x, args, s, row, first, shared.process);
  if (s.temperature > 0) {
#pragma unroll
    for (int e = 0; e < kLogitEach; ++e) x[e] = __fdiv_rn(x[e], s.temperature);
  }
  const uint32_t length = uint32_t(max(args.cache_length[0], 0));
  const uint32_t position = length + uint32_t(args.depths ? args.depths[row] : row) + 1;
  const bool cuts = s.cuts();
  float* scores = args.scores + int64_t(row) * args.vocab;
  if (cuts || s.scores) {
#pragma unroll
    for (int e = 0; e < kLogitEach; ++e) {
      const uint32_t i = first + uint32_t(chunk_index<kCount>(e));
      if (i < uint32_t(args.vocab)) scores[i] = x[e];
    }
  }
  uint64_t top = 0;
  if (s.temperature > 0 && !cuts) {
#pragma unroll
    for (int e = 0; e < kLogitEach; e += kCount) {
      const uint32_t i = first + uint32_t(chunk_index<kCount>(e));
      const Bits4 bits = philox(s.seed0, s.seed1, position, i / 4);
#pragma unroll
      for (int j = 0; j < kCount; ++j) {
        const uint64_t key = noisy_key(x[e + j], i + uint32_t(j), bits);
        top = key > top ? key : top;
      }
    }
  } else {
#pragma unroll
    for (int e = 0; e < kLogitEach; ++e) {
      const uint32_t i = first + uint32_t(chunk_index<kCount>(e));
      const uint64_t key = i < uint32_t(count) ? top_key(x[e], i) : 0;
      top = key > top ? key : top;
    }
  }
  top = block_top(top, shared.warps);
  nan = __syncthreads_or(nan);
  if (gridDim.x > 1) {
    Found* found = founds + row;
    if (threadIdx.x == 0) {
      if (nan) found->nan = 1;
      atomicMax(&found->top, static_cast<unsigned long long>(top));
    }
    if (!is_last_block(&found->ended, gridDim.x)) return;
    top = __ldcg(&found->top);
    nan = __ldcg(&found->nan) != 0;
    __syncthreads();
    if (threadIdx.x == 0) {
      found->top = 0;
      found->nan = 0;
    }
  }
  if (cuts && !nan && above_nothing(top)) {
    top = cut_and_draw<kCount>(scores, count, value_of(top), position, s, shared);
  }
  if (threadIdx.x != 0) return;
  args.choice[row] = nan ? SMQ_CHOICE_NAN : above_nothing(top) ? top_index(top) : SMQ_CHOICE_NONE;
}

}  // namespace

int32_t smq::run_choose(smq_context* ctx, const Choose& args) {
  const bool wide = args.vocab % 4 == 0 && aligned(uint64_t(args.logits) | uint64_t(args.scores), 16);
  // Of all entries, as scores are written behind those that are chosen from, too.
  const unsigned chunks = unsigned(chunks_of(args.vocab));
  launch(ctx, wide ? choose_kernel<4> : choose_kernel<1>, dim3(chunks, unsigned(args.m)),
         kLogitThreads, 0, args, reinterpret_cast<Found*>(ctx->counters));
  return launched(ctx, "smq_choose");
}

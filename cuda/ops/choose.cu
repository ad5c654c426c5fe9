// The choice of tokens from rows of logits. A row is shared out to several blocks; the last one to end
// merges what they found, and where entries are cut looks at the row again.
#include <algorithm>

#include "common/choose.h"
#include "ops/logits.cuh"

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
  // Of a chunk: the bias of each token, or how often the text has it.
  union {
    float bias[kChunk];
    uint32_t counts[kChunk];
    unsigned long long bins[kBins];
  };
  uint64_t warps[kLogitThreads / 32];
  uint32_t order, last;
  unsigned long long above;
};

__device__ uint64_t block_top(uint64_t top, uint64_t* warps) {
  top = warp_max(top);
  __syncthreads();
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = top;
  __syncthreads();
  return warp_max(warps[threadIdx.x % (kLogitThreads / 32)]);
}

__device__ void count_text(const Choose& args, const ChooseSettings& s, int32_t row, uint32_t first,
                           uint32_t* counts) {
  for (int i = int(threadIdx.x); i < kChunk; i += kLogitThreads) counts[i] = 0;
  __syncthreads();
  const int32_t length = max(args.cache_length[0], 0);
  const auto add = [&](int32_t token, int32_t position) {
    const uint32_t at = uint32_t(token) - first;
    if (token < 0 || at >= uint32_t(kChunk)) return;
    atomicOr(counts + at, kSeen);
    if (position >= s.generated) atomicAdd(counts + at, 1);
  };
  const int32_t end = args.tokens ? length : length + row + 1;
  for (int32_t p = int32_t(threadIdx.x); p < end; p += kLogitThreads) add(args.history[p], p);
  const int32_t j = int32_t(threadIdx.x);
  if (args.tokens && j < args.m && args.mask[row] >> j & 1) {
    add(args.tokens[j], length + args.depths[j]);
  }
  __syncthreads();
}

// Bias, penalties, mask and temperature on the entries that a thread holds.
template <int kCount>
__device__ void process(float (&x)[kLogitEach], const Choose& args, const ChooseSettings& s,
                        int32_t row, uint32_t first, ChooseShared& shared) {
  if (s.bias > 0) {
    for (int i = int(threadIdx.x); i < kChunk; i += kLogitThreads) shared.bias[i] = 0;
    __syncthreads();
    for (int32_t j = int32_t(threadIdx.x); j < s.bias; j += kLogitThreads) {
      const uint32_t at = uint32_t(args.bias_ids[j]) - first;
      if (at < uint32_t(kChunk)) shared.bias[at] = args.bias_values[j];
    }
    __syncthreads();
#pragma unroll
    for (int e = 0; e < kLogitEach; ++e) x[e] += shared.bias[chunk_index<kCount>(e)];
    __syncthreads();
  }
  if (s.penalizes()) {
    count_text(args, s, row, first, shared.counts);
#pragma unroll
    for (int e = 0; e < kLogitEach; ++e) {
      x[e] = penalized(x[e], shared.counts[chunk_index<kCount>(e)], s);
    }
    __syncthreads();
  }
  if (args.allowed) {
    const uint32_t* words = args.allowed + int64_t(row) * ((int64_t(args.vocab) + 31) / 32);
#pragma unroll
    for (int e = 0; e < kLogitEach; ++e) {
      const uint32_t i = first + uint32_t(chunk_index<kCount>(e));
      const bool free = i < uint32_t(args.vocab) && (words[i / 32] >> (i % 32) & 1);
      if (!free) x[e] = -INFINITY;
    }
  }
  if (s.temperature > 0) {
#pragma unroll
    for (int e = 0; e < kLogitEach; ++e) x[e] = __fdiv_rn(x[e], s.temperature);
  }
}

__device__ __forceinline__ uint64_t noisy_key(float x, uint32_t i, const Bits4& bits) {
  return x > -INFINITY ? top_key(x + gumbel(bits.word[i % 4]), i) : 0;
}

// The largest of the entries kept with its noise, of a row in memory. All threads get it.
template <class Keeps>
__device__ uint64_t draw(float* x, int32_t count, uint32_t position, const ChooseSettings& s,
                         ChooseShared& shared, const Keeps& keeps) {
  uint64_t top = 0;
  for (int32_t i = int32_t(threadIdx.x); i < count; i += kLogitThreads) {
    const float value = __ldcg(x + i);
    if (!keeps(order_of(value), i)) {
      if (s.scores) x[i] = -INFINITY;
      continue;
    }
    const Bits4 bits = philox(s.seed0, s.seed1, position, uint32_t(i) / 4);
    const uint64_t key = noisy_key(value, uint32_t(i), bits);
    top = key > top ? key : top;
  }
  return block_top(top, shared.warps);
}

// As on the twin: the largest order at which the weights of all entries from it up reach `wanted`; `above` becomes
// what those above it weigh.
template <class Weight>
__device__ uint32_t order_reaching(const float* x, int32_t count, uint64_t wanted, uint64_t& above,
                                   ChooseShared& shared, const Weight& weight) {
  uint32_t found = 0;
  uint64_t sum = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    __syncthreads();
    for (int b = int(threadIdx.x); b < kBins; b += kLogitThreads) shared.bins[b] = 0;
    __syncthreads();
    for (int32_t i = int32_t(threadIdx.x); i < count; i += kLogitThreads) {
      const float value = __ldcg(x + i);
      const uint32_t order = order_of(value);
      if (shift < 24 && (order ^ found) >> (shift + 8)) continue;
      const unsigned long long w = weight(value, order);
      if (w) atomicAdd(&shared.bins[order >> shift & 255], w);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      int bin = kBins - 1;
      for (; bin > 0 && sum + shared.bins[bin] < wanted; --bin) sum += shared.bins[bin];
      shared.order = found | uint32_t(bin) << shift;
      shared.above = sum;
    }
    __syncthreads();
    found = shared.order;
    sum = shared.above;
  }
  above = sum;
  return found;
}

__device__ __forceinline__ float share_of(float x, float largest) {
  return x == largest ? 1.0f : expf(x - largest);
}

// The token of a row whose processed entries lie in scores, the largest of them given.
__device__ uint64_t cut_and_draw(float* x, int32_t count, float largest, uint32_t position,
                                 const ChooseSettings& s, ChooseShared& shared) {
  uint32_t lowest = 0;
  int32_t last = INT32_MAX;
  uint64_t above = 0;
  if (s.top_k > 0 && s.top_k < count) {
    lowest = order_reaching(x, count, uint64_t(s.top_k), above, shared,
                            [](float, uint32_t) { return 1ull; });
  }
  if (s.top_p < 1.0f) {
    const uint32_t floor = lowest;
    const auto mass = [&](float value, uint32_t order) -> uint64_t {
      return order >= floor ? mass_of(share_of(value, largest)) : 0;
    };
    __syncthreads();
    if (threadIdx.x == 0) shared.above = 0;
    __syncthreads();
    unsigned long long sum = 0;
    for (int32_t i = int32_t(threadIdx.x); i < count; i += kLogitThreads) {
      const float value = __ldcg(x + i);
      sum += mass(value, order_of(value));
    }
    atomicAdd(&shared.above, sum);
    __syncthreads();
    const uint64_t total = shared.above;
    uint64_t wanted = uint64_t(ceil(double(s.top_p) * double(total)));
    wanted = wanted > 1 ? wanted : 1;
    const uint32_t order = order_reaching(x, count, wanted, above, shared, mass);
    if (order >= lowest) {
      lowest = order;
      // Of equal entries the lower ids are kept, as many as it takes.
      const float value = __uint_as_float(order & 0x80000000u ? order & 0x7fffffffu : ~order);
      const uint64_t each = mass(value, order);
      const uint64_t keep = each ? (wanted - above + each - 1) / each : 1;
      // Bit by bit, the lowest id up to which there are that many.
      int32_t low = 0, high = count - 1;
      while (low < high) {
        const int32_t middle = (low + high) / 2;
        int here = 0;
        for (int32_t i = int32_t(threadIdx.x); i <= middle; i += kLogitThreads) {
          here += order_of(__ldcg(x + i)) == order;
        }
        __syncthreads();
        if (threadIdx.x == 0) shared.last = 0;
        __syncthreads();
        if (here) atomicAdd(&shared.last, here);
        __syncthreads();
        if (shared.last >= keep) high = middle;
        else low = middle + 1;
      }
      last = low;
    }
  }
  if (s.min_p > 0.0f) {
    // Shares rise with entries, so this is one more threshold.
    __syncthreads();
    if (threadIdx.x == 0) shared.order = order_of(largest);
    __syncthreads();
    uint32_t mine = ~0u;
    for (int32_t i = int32_t(threadIdx.x); i < count; i += kLogitThreads) {
      const float value = __ldcg(x + i);
      if (share_of(value, largest) >= s.min_p) mine = min(mine, order_of(value));
    }
    atomicMin(&shared.order, mine);
    __syncthreads();
    if (shared.order > lowest) {
      lowest = shared.order;
      last = INT32_MAX;
    }
  }
  return draw(x, count, position, s, shared, [&](uint32_t order, int32_t id) {
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
  process<kCount>(x, args, s, row, first, shared);
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
    top = cut_and_draw(scores, count, value_of(top), position, s, shared);
  }
  if (threadIdx.x != 0) return;
  args.choice[row] = nan ? SMQ_CHOICE_NAN : above_nothing(top) ? top_index(top) : SMQ_CHOICE_NONE;
}

}  // namespace

int32_t smq::run_choose(smq_context* ctx, const Choose& args) {
  const bool wide = args.vocab % 4 == 0 && aligned(uint64_t(args.logits), 16);
  // Of all entries, as scores are written behind those that are chosen from, too.
  const unsigned chunks = unsigned(chunks_of(args.vocab));
  launch(ctx, wide ? choose_kernel<4> : choose_kernel<1>, dim3(chunks, unsigned(args.m)),
         kLogitThreads, 0, args, reinterpret_cast<Found*>(ctx->counters));
  return launched(ctx, "smq_choose");
}

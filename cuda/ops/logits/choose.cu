// The choice of tokens from rows of logits. A row is shared out to several blocks; the last one to end merges what
// they found. Where entries are cut they wait for one another, and each draws from what it holds.
#include "ops/logits/choose.cuh"
#include "ops/logits/choose_cut.cuh"

using namespace smq;

namespace {

// What the blocks of a row tell one another; all of it zero between ops.
struct Found {
  uint32_t arrived, nan;
  unsigned long long top;    // the largest entry's key; without cuts, and with a temperature, with its noise
  unsigned long long drawn;  // that of those kept, with its noise
  uint32_t above_lowest;     // the complement of the lowest order above -infinity's
};

__device__ __forceinline__ bool above_nothing(uint64_t key) {
  return key != 0 && value_of(uint32_t(key >> 32)) > -INFINITY;
}

struct ChooseShared {
  union {
    ProcessShared process;
    alignas(16) float x[kChunk];  // each thread's own entries
  };
  BinsShared bins;
};

__device__ uint64_t block_largest(uint64_t largest, uint64_t* warps) {
  largest = warp_max(largest);
  __syncthreads();
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = largest;
  __syncthreads();
  return warp_max(warps[threadIdx.x % (kLogitThreads / 32)]);
}

__device__ __forceinline__ uint64_t noisy_key(float x, uint32_t i, const Bits4& bits) {
  return x > -INFINITY ? top_key(x + gumbel(bits.word[i % 4]), i) : 0;
}

// The largest of the chunk's entries that are kept, with its noise; the scores, where they are wanted.
template <int kCount>
__device__ uint64_t draw(const float* x, const Cut& cut, float* scores, uint32_t first, uint32_t vocab,
                         uint32_t position, const ChooseSettings& s) {
  uint64_t top = 0;
  each_four<kCount>(x, [&](const float (&entries)[4], const uint32_t (&places)[4]) {
    bool keeps[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) keeps[j] = cut.keeps(entries[j], first + places[j]);
    if (s.scores) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        if (first + places[j] < vocab) scores[first + places[j]] = keeps[j] ? entries[j] : -INFINITY;
      }
    }
    if (!(keeps[0] || keeps[1] || keeps[2] || keeps[3])) return;
    Bits4 bits;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const uint32_t i = first + places[j];
      if (j % kCount == 0) bits = philox(s.seed0, s.seed1, position, i / 4);
      const uint64_t key = keeps[j] ? noisy_key(entries[j], i, bits) : 0;
      top = key > top ? key : top;
    }
  });
  return top;
}

template <int kCount>
__global__ void __launch_bounds__(kLogitThreads, kCount == 4 ? 4 : 3)
    choose_kernel(const Choose args, Found* founds, uint32_t* ticket, uint64_t* sums) {
  __shared__ ChooseShared shared;
  wait_for_previous();
  let_next_start();
  int32_t row = int32_t(blockIdx.y), chunk = int32_t(blockIdx.x);
  const int32_t count = args.chosen_from;
  const ChooseSettings s = choose_settings(args.settings);
  float x[kLogitEach];
  load_chunk<kCount>(x, args.logits + int64_t(row) * args.vocab, chunk, count);
  const bool cuts = s.cuts();
  if (cuts) {
    const uint32_t place = place_by_start(ticket, gridDim.x * gridDim.y);
    row = int32_t(place / gridDim.x), chunk = int32_t(place % gridDim.x);
    load_chunk<kCount>(x, args.logits + int64_t(row) * args.vocab, chunk, count);
  }
  const uint32_t first = uint32_t(chunk) * kChunk;
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
  float* scores = args.scores + int64_t(row) * args.vocab;
  uint64_t top = 0;
#pragma unroll
  for (int e = 0; e < kLogitEach; ++e) {
    const uint32_t i = first + uint32_t(chunk_index<kCount>(e));
    const uint64_t key = i < uint32_t(count) ? top_key(x[e], i) : 0;
    top = key > top ? key : top;
    if (s.temperature > 0) shared.x[chunk_index<kCount>(e)] = x[e];
    else if (s.scores && i < uint32_t(args.vocab)) scores[i] = x[e];
  }
  nan = __syncthreads_or(nan);
  Found* found = founds + row;
  if (threadIdx.x == 0 && nan) found->nan = 1;
  RowBlocks blocks{&found->arrived, gridDim.x, 0};
  unsigned long long* best = &found->top;
  if (s.temperature > 0) {
    Cut cut{0, ~0u, 0, 0};  // all is kept
    if (cuts) {
      uint64_t above_lowest = 0;
      each_four<kCount>(shared.x, [&](const float (&entries)[4], const uint32_t (&)[4]) {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          if (entries[j] > -INFINITY) above_lowest = max(above_lowest, uint64_t(~order_of(entries[j])));
        }
      });
      top = block_largest(top, shared.bins.warps);
      above_lowest = block_largest(above_lowest, shared.bins.warps);
      if (threadIdx.x == 0) {
        atomicMax(best, static_cast<unsigned long long>(top));
        atomicMax(&found->above_lowest, uint32_t(above_lowest));
      }
      RowChunk held{shared.x, chunk, sums + int64_t(row) * kSums * kBins, blocks};
      held.meet();
      const uint64_t largest = __ldcg(best);
      nan = __ldcg(&found->nan) != 0;
      if (!nan && above_nothing(largest)) {
        cut = cut_of<kCount>(held, shared.bins, value_of(uint32_t(largest >> 32)),
                             ~__ldcg(&found->above_lowest), count, s);
      }
      blocks = held.blocks;
      best = &found->drawn;
    }
    top = draw<kCount>(shared.x, cut, scores, first, uint32_t(args.vocab), position, s);
  }
  top = block_largest(top, shared.bins.warps);
  if (cuts || gridDim.x > 1) {
    if (threadIdx.x == 0) atomicMax(best, static_cast<unsigned long long>(top));
    if (!blocks.leave_last()) return;
    top = __ldcg(best);
    nan = __ldcg(&found->nan) != 0;
  }
  if (threadIdx.x != 0) return;
  args.choice[row] = nan ? SMQ_CHOICE_NAN : above_nothing(top) ? top_index(top) : SMQ_CHOICE_NONE;
  *found = {};
}

}  // namespace

int32_t smq::run_choose(smq_context* ctx, const Choose& args) {
  Check check;
  // The blocks of a row wait for one another, so the device has to hold all of them: one at least on a multiprocessor.
  if (check.limit("vocab", args.vocab, int64_t(ctx->sms) * kChunk).failed()) return check.status();
  const bool wide = args.vocab % 4 == 0 && aligned(uint64_t(args.logits) | uint64_t(args.scores), 16);
  // Of all entries, as scores are written behind those that are chosen from, too.
  const int32_t chunks = chunks_of(args.vocab);
  const auto kernel = wide ? choose_kernel<4> : choose_kernel<1>;
  auto* founds = reinterpret_cast<Found*>(ctx->counters);
  launch(ctx, kernel, dim3(unsigned(chunks), unsigned(args.m)), kLogitThreads, 0, args, founds,
         reinterpret_cast<uint32_t*>(founds + SMQ_MAX_TREE), static_cast<uint64_t*>(ctx->scratch));
  return launched(ctx, "smq_choose");
}

// Log-probabilities from rows of logits. A row is shared out to several blocks; the last one to end
// merges what they found, in a fixed order.
#include <algorithm>

#include "ops/logits/choose.cuh"

using namespace smq;

namespace {

__device__ __forceinline__ const float* row_of(const float* logits, int32_t vocab) {
  return logits + int64_t(blockIdx.y) * vocab;
}

// The statistics of the block's chunk, for all blocks of the row.
__device__ __forceinline__ void write_stats(Stats* chunks, const float (&x)[kLogitEach]) {
  __shared__ float shared[2][32];
  float largest = -INFINITY;
#pragma unroll
  for (int e = 0; e < kLogitEach; ++e) largest = fmaxf(largest, x[e]);
  largest = block_max<kLogitThreads>(largest, shared[0]);
  // A chunk of -infinities adds nothing; a NaN makes the whole row NaN.
  const float shift = largest == -INFINITY ? 0.0f : largest;
  float sum = 0;
#pragma unroll
  for (int e = 0; e < kLogitEach; ++e) sum += expf(x[e] - shift);
  sum = block_sum<kLogitThreads>(sum, shared[1]);
  if (threadIdx.x == 0) chunks[blockIdx.x] = {largest, sum};
}

// Writes the chunk's statistics; with `out`, the last block also gives the target's log-probability.
template <int kCount>
__global__ void __launch_bounds__(kLogitThreads)
    stats_kernel(Stats* stats, const float* logits, int32_t vocab, float* out,
                 const int32_t* targets, uint32_t* counters) {
  wait_for_previous();
  let_next_start();
  const float* row = row_of(logits, vocab);
  float x[kLogitEach];
  load_chunk<kCount>(x, row, int32_t(blockIdx.x), vocab);
  Stats* chunks = stats + int64_t(blockIdx.y) * gridDim.x;
  write_stats(chunks, x);
  if (!out) return;
  if (!is_last_block(counters + blockIdx.y, gridDim.x) || threadIdx.x >= 32) return;
  const Stats all = combine(chunks, int32_t(gridDim.x));
  if (threadIdx.x != 0) return;
  const int32_t target = targets[blockIdx.y];
  // A target outside the vocabulary has no probability.
  out[blockIdx.y] = target < 0 || target >= vocab ? -INFINITY
                                                  : (row[target] - all.largest) - logf(all.sum);
}

// Adds T times the noise of `position` to the entries of a chunk, where the temperature T is not 0.
template <int kCount>
__device__ __forceinline__ void add_noise(float (&x)[kLogitEach], const EntryMap& map, const ChooseSettings& s,
                                          uint32_t position, uint32_t first, int32_t vocab) {
  if (s.temperature == 0) return;
#pragma unroll
  for (int e = 0; e < kLogitEach; e += kCount) {
    const uint32_t i = first + uint32_t(chunk_index<kCount>(e));
    Bits4 bits{};
    if (!map.tokens) bits = philox(s.seed0, s.seed1, position, i / 4);
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      if (i + j >= uint32_t(vocab)) continue;
      uint32_t token = i + j;
      if (map.tokens) {
        token = uint32_t(map.tokens[i + j]);
        bits = philox(s.seed0, s.seed1, position, token / 4);
      }
      x[e + j] += s.temperature * gumbel(bits.word[token % 4]);
    }
  }
}

// Writes the chunk's statistics after what the settings change, in place: see expect_row of the twin.
template <int kCount>
__global__ void __launch_bounds__(kLogitThreads)
    expect_kernel(Stats* stats, const Choose from, float* logits, int32_t offset, int32_t step,
                  int32_t first_row) {
  __shared__ ProcessShared shared;
  wait_for_previous();
  let_next_start();
  const int32_t vocab = from.vocab;
  float* row = logits + int64_t(blockIdx.y) * vocab;
  const ChooseSettings s = choose_settings(from.settings);
  float x[kLogitEach];
  load_chunk<kCount>(x, row, int32_t(blockIdx.x), vocab);
  if (s.changes()) {
    const uint32_t first = blockIdx.x * kChunk;
    const int32_t behind = (first_row + int32_t(blockIdx.y)) * step;
    process<kCount>(x, from, s, behind, first, shared);
    const uint32_t position = uint32_t(max(from.cache_length[0], 0) + offset + behind);
    add_noise<kCount>(x, from.map, s, position, first, vocab);
#pragma unroll
    for (int e = 0; e < kLogitEach; ++e) {
      const uint32_t i = first + uint32_t(chunk_index<kCount>(e));
      if (i < uint32_t(vocab)) row[i] = x[e];
    }
  }
  write_stats(stats + int64_t(blockIdx.y) * gridDim.x, x);
}

// The k best of each chunk into `found` [rows, chunks, k]; the last block merges them. Ordered by the
// rounded log-probabilities, which may be equal where logits are not.
template <int kCount>
__global__ void __launch_bounds__(kLogitThreads, 2)
    top_kernel(float* values, int32_t* ids, const float* logits, int32_t vocab, int32_t k,
               const Stats* stats, uint64_t* found, uint32_t* counters, const int32_t* settings,
               const int32_t* tokens) {
  __shared__ TopK<kLogitEach> top;
  __shared__ TopK<4> merged;
  const int32_t chunks = int32_t(gridDim.x);
  const float* row = row_of(logits, vocab);
  // The logits are safe to read now: the statistics' kernel let this one start after its own wait for
  // whoever wrote them.
  float x[kLogitEach];
  load_chunk<kCount>(x, row, int32_t(blockIdx.x), vocab);
  const bool changed = settings && choose_settings(settings).changes();
  wait_for_previous();
  let_next_start();
  // Unless that kernel changed them.
  if (changed) load_chunk<kCount>(x, row, int32_t(blockIdx.x), vocab);
  const Stats all = combine(stats + int64_t(blockIdx.y) * chunks, chunks);
  const float log_sum = logf(all.sum);
  const uint32_t first = blockIdx.x * kChunk;
  top_k(top, k, kChunk, [&](int64_t, int e) {
    const uint32_t i = first + uint32_t(chunk_index<kCount>(e));
    return i < uint32_t(vocab) ? top_key((x[e] - all.largest) - log_sum, i) : 0;
  });
  uint64_t* row_found = found + int64_t(blockIdx.y) * chunks * k;
  const uint64_t* best = top.best;
  if (chunks > 1) {
    if (threadIdx.x < k) row_found[int64_t(blockIdx.x) * k + threadIdx.x] = top.best[threadIdx.x];
    if (!is_last_block(counters + blockIdx.y, gridDim.x)) return;
    top_k(merged, k, int64_t(chunks) * k, [&](int64_t i, int) { return __ldcg(row_found + i); });
    best = merged.best;
  }
  if (threadIdx.x >= k) return;
  const int32_t id = top_index(best[threadIdx.x]);
  const int64_t at = int64_t(blockIdx.y) * k + threadIdx.x;
  ids[at] = tokens ? tokens[id] : id;
  values[at] = (__ldcg(row + id) - all.largest) - log_sum;
}

// What the blocks of a row tell the one that ends last; zero between ops.
struct Found {
  uint32_t arrived, unused;
  unsigned long long top;
};

// The largest entry of a row after what the settings change, which is not written: nobody reads it again.
template <int kCount>
__global__ void __launch_bounds__(kLogitThreads) likeliest_kernel(const Likeliest args, Found* founds) {
  __shared__ ProcessShared shared;
  __shared__ uint64_t warps[kLogitThreads / 32];
  __shared__ int32_t drafted;
  wait_for_previous();
  let_next_start();
  const Choose& from = args.from;
  const int32_t vocab = from.vocab, row = int32_t(blockIdx.y), thread = int32_t(threadIdx.x);
  const ChooseSettings s = choose_settings(from.settings);
  const int32_t length = max(from.cache_length[0], 0);
  const uint32_t first = blockIdx.x * kChunk;
  float x[kLogitEach];
  load_chunk<kCount>(x, from.logits + int64_t(row) * vocab, int32_t(blockIdx.x), vocab);
  if (s.changes()) {
    process<kCount>(x, from, s, 0, first, shared);
    add_noise<kCount>(x, from.map, s, uint32_t(length + args.offset + row), first, vocab);
  }
  uint64_t top = 0;
#pragma unroll
  for (int e = 0; e < kLogitEach; ++e) {
    const uint32_t i = first + uint32_t(chunk_index<kCount>(e));
    if (i < uint32_t(vocab) && x[e] > -INFINITY) top = max(top, top_key(x[e], i));
  }
  top = warp_max(top);
  if (thread % 32 == 0) warps[thread / 32] = top;
  __syncthreads();
  top = warp_max(warps[thread % (kLogitThreads / 32)]);
  if (gridDim.x > 1) {
    Found* found = founds + row;
    if (thread == 0) atomicMax(&found->top, static_cast<unsigned long long>(top));
    if (!is_last_block(&found->arrived, gridDim.x)) return;
    top = __ldcg(&found->top);
    __syncthreads();
    if (thread == 0) found->top = 0;
  }
  if (thread == 0) {
    const int32_t entry = top == 0 ? 0 : top_index(top);
    drafted = from.map.token_of(entry);
    args.drafted[row] = drafted;
    if (args.last && row == 0) *args.last = from.history[length];
  }
  if (!args.table) return;
  __syncthreads();
  const bool known = drafted >= 0 && drafted < args.table_rows;
  for (int32_t j = thread; j < args.rank; j += kLogitThreads) {
    args.said[j] = known ? args.table[int64_t(drafted) * args.rank + j] : uint16_t(0);
  }
}

bool wide_rows(uint64_t logits, int32_t vocab) { return vocab % 4 == 0 && aligned(logits, 16); }

// Calls body(first row, rows) for as many rows at a time as scratch and counters hold.
template <class Body>
void for_rows(const smq_context* ctx, int32_t m, int64_t bytes_per_row, const Body& body) {
  const int64_t held = int64_t(ctx->scratch_bytes) / bytes_per_row;
  const int32_t most = int32_t(std::clamp<int64_t>(held, 1, 32768));
  for (int32_t first = 0; first < m; first += most) body(first, std::min(most, m - first));
}

// The topk of each row of logits, of whose rows `queue_stats` queues the statistics. `settings` are those by which it
// changes the rows, if any; `tokens` what its entries stand for, where they have a map.
template <class T, class QueueStats>
void launch_top(smq_context* ctx, uint64_t values, uint64_t ids, T* logits, int32_t m, int32_t vocab,
                int32_t topk, const int32_t* settings, const int32_t* tokens,
                const QueueStats& queue_stats) {
  const auto kernel = wide_rows(uint64_t(logits), vocab) ? top_kernel<4> : top_kernel<1>;
  const int64_t chunks = chunks_of(vocab);
  for_rows(ctx, m, chunks * (8 + topk * 8), [&](int32_t first, int32_t rows) {
    auto* stats = static_cast<Stats*>(ctx->scratch);
    auto* found = reinterpret_cast<uint64_t*>(stats + rows * chunks);
    T* x = logits + int64_t(first) * vocab;
    const dim3 grid{unsigned(chunks), unsigned(rows)};
    queue_stats(grid, stats, x, first);
    launch(ctx, kernel, grid, kLogitThreads, 0, at<float>(values) + int64_t(first) * topk,
           at<int32_t>(ids) + int64_t(first) * topk, x, vocab, topk, stats, found, ctx->counters,
           settings, tokens);
  });
}

}  // namespace

int32_t smq::run_top_log_probs(smq_context* ctx, uint64_t values, uint64_t ids, uint64_t logits,
                               int32_t m, int32_t vocab, int32_t topk) {
  const auto kernel = wide_rows(logits, vocab) ? stats_kernel<4> : stats_kernel<1>;
  launch_top(ctx, values, ids, at<const float>(logits), m, vocab, topk, nullptr, nullptr,
             [&](dim3 grid, Stats* stats, const float* x, int32_t) {
               launch(ctx, kernel, grid, kLogitThreads, 0, stats, x, vocab, nullptr, nullptr,
                      ctx->counters);
             });
  return launched(ctx, "smq_top_log_probs");
}

int32_t smq::run_top_choices(smq_context* ctx, uint64_t values, uint64_t ids, const Choose& from,
                             int32_t offset, int32_t step, int32_t topk) {
  const auto kernel = wide_rows(uint64_t(from.logits), from.vocab) ? expect_kernel<4> : expect_kernel<1>;
  launch_top(ctx, values, ids, from.scores, from.m, from.vocab, topk, from.settings,
             from.map.tokens,
             [&](dim3 grid, Stats* stats, float* x, int32_t first) {
               launch(ctx, kernel, grid, kLogitThreads, 0, stats, from, x, offset, step, first);
             });
  return launched(ctx, "smq_top_choices");
}

int32_t smq::run_likeliest(smq_context* ctx, const Likeliest& args) {
  const Choose& from = args.from;
  const auto kernel = wide_rows(uint64_t(from.logits), from.vocab) ? likeliest_kernel<4> : likeliest_kernel<1>;
  launch(ctx, kernel, dim3(unsigned(chunks_of(from.vocab)), unsigned(from.m)), kLogitThreads, 0, args,
         reinterpret_cast<Found*>(ctx->counters));
  return launched(ctx, "smq_likeliest");
}

int32_t smq::run_log_probs(smq_context* ctx, uint64_t out, uint64_t logits, uint64_t targets,
                           int32_t m, int32_t vocab) {
  const auto kernel = wide_rows(logits, vocab) ? stats_kernel<4> : stats_kernel<1>;
  const int64_t chunks = chunks_of(vocab);
  for_rows(ctx, m, chunks * 8, [&](int32_t first, int32_t rows) {
    launch(ctx, kernel, dim3(unsigned(chunks), unsigned(rows)), kLogitThreads, 0,
           static_cast<Stats*>(ctx->scratch), at<const float>(logits) + int64_t(first) * vocab, vocab,
           at<float>(out) + first, at<const int32_t>(targets) + first, ctx->counters);
  });
  return launched(ctx, "smq_log_probs");
}

// The end of a round: verification, commit, and the bookkeeping of lengths.
#include "ops/elements.cuh"

using namespace smq;

namespace {

// How many of the proposed rows exist.
__device__ __forceinline__ int64_t existing_rows(const Verify& args, int64_t length) {
  const int64_t rows = args.limit ? int64_t(args.limit[0]) - length + 1 : args.m;
  return rows < args.m ? rows : args.m;
}

// A tree on one warp, two rows a lane: each step finds the first child that fits behind the last row.
__device__ int32_t walk_tree(const Verify& args, int64_t rows) {
  __shared__ int32_t choice[SMQ_MAX_TREE];
  const int32_t lane = int32_t(threadIdx.x);
  int32_t token[2], parent[2];
  for (int h = 0; h < 2; ++h) {
    const int32_t row = lane + h * 32;
    const bool there = row < args.m;
    token[h] = there ? args.tokens[row] : 0;
    parent[h] = there ? args.parents[row] : -1;
    choice[row] = there ? args.choice[row] : 0;
  }
  __syncwarp();
  int32_t accepted = 0, last = 0;
  while (last < args.m) {
    if (lane == 0) args.path[accepted] = last;
    ++accepted;
    uint64_t fits = 0;
    for (int h = 0; h < 2; ++h) {
      const int32_t row = lane + h * 32;
      const bool fit = row > last && row < rows && parent[h] == last && token[h] == choice[last];
      fits |= uint64_t(__ballot_sync(~0u, fit)) << (h * 32);
    }
    if (fits == 0) break;
    last = __ffsll(static_cast<long long>(fits)) - 1;
  }
  return accepted;
}

// A sequence: rows are accepted up to the first that does not fit.
__device__ int32_t walk_sequence(const Verify& args, int64_t length, int64_t rows) {
  const int32_t lane = int32_t(threadIdx.x);
  int32_t accepted = 1;
  for (int32_t first = 1; first < rows; first += 32) {
    const int32_t row = first + lane;
    const bool fits = row < rows && args.history[length + row] == args.choice[row - 1];
    const uint32_t refused = ~__ballot_sync(~0u, fits);
    accepted += refused ? __ffs(int(refused)) - 1 : 32;
    if (refused) break;
  }
  for (int32_t j = lane; j < accepted; j += 32) args.path[j] = j;
  return accepted;
}

__global__ void __launch_bounds__(32) verify_kernel(const Verify args) {
  wait_for_previous();
  let_next_start();
  const int64_t length = max(args.cache_length[0], 0);
  const int64_t rows = existing_rows(args, length);
  const int32_t accepted =
      args.tokens ? walk_tree(args, rows) : walk_sequence(args, length, rows);
  __syncwarp();
  if (threadIdx.x == 0) args.result[0] = accepted;
  for (int32_t j = int32_t(threadIdx.x); j < accepted; j += 32) {
    const int32_t chosen = args.choice[args.path[j]];
    args.result[1 + j] = chosen;
    args.history[length + 1 + j] = chosen;
  }
}

constexpr int kCommitThreads = 128;
constexpr int kBatch = 8;

// Moves one column of units. Row j is filled from a row that is not below j, so all rows of a batch
// may be read before the first is written, and batches go upwards.
template <class Unit>
__device__ void move_column(uint8_t* first, int64_t row_bytes, const int32_t* path,
                            int32_t accepted, int32_t m) {
  for (int32_t base = 0; base < accepted; base += kBatch) {
    Unit held[kBatch];
#pragma unroll
    for (int b = 0; b < kBatch; ++b) {
      const int32_t j = base + b;
      if (j >= accepted) break;
      const int64_t from = max(j, min(path[j], m - 1));
      held[b] = *reinterpret_cast<const Unit*>(first + from * row_bytes);
    }
#pragma unroll
    for (int b = 0; b < kBatch; ++b) {
      const int32_t j = base + b;
      if (j >= accepted) break;
      if (path[j] > j) *reinterpret_cast<Unit*>(first + j * row_bytes) = held[b];
    }
  }
}

// Block (x, y): a piece of the rows of cache y. The last block of all moves the length on, when every
// other one has read it.
__global__ void __launch_bounds__(kCommitThreads)
    commit_kernel(const Commit args, uint32_t* counter) {
  wait_for_previous();
  let_next_start();
  const int64_t length = max(args.cache_length[0], 0);
  const int32_t accepted = max(0, min(args.result[0], args.m));
  if (args.count > 0) {
    const int64_t row_bytes = args.row_bytes;
    const int64_t from = (int64_t(blockIdx.x) * kCommitThreads + threadIdx.x) * 16;
    uint8_t* first = at<uint8_t>(args.caches[blockIdx.y]) + length * row_bytes + from;
    if (reinterpret_cast<uint64_t>(first) % 16 == 0 && row_bytes % 16 == 0) {
      if (from < row_bytes) move_column<uint4>(first, row_bytes, args.path, accepted, args.m);
    } else {
      for (int64_t i = 0; i < 16 && from + i < row_bytes; ++i) {
        move_column<uint8_t>(first + i, row_bytes, args.path, accepted, args.m);
      }
    }
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  __threadfence();
  const uint32_t blocks = gridDim.x * gridDim.y;
  if (atomicAdd(counter, 1) != blocks - 1) return;
  *counter = 0;
  *args.cache_length = int32_t(length + accepted);
}

__global__ void advance_kernel(int32_t* length, int32_t delta) {
  wait_for_previous();
  let_next_start();
  *length += delta;
}

__global__ void cut_back_kernel(int32_t* length, const int32_t* limit, int32_t delta) {
  wait_for_previous();
  let_next_start();
  *length = max(min(*length, *limit + delta), 0);
}

}  // namespace

int32_t smq::run_verify(smq_context* ctx, const Verify& args) {
  launch(ctx, verify_kernel, 1, 32, 0, args);
  return launched(ctx, "smq_verify");
}

int32_t smq::run_commit(smq_context* ctx, const Commit& args) {
  Check check;
  // A grid's second dimension.
  if (check.limit("count", args.count, 65535).failed()) return check.status();
  const dim3 grid(args.count > 0 ? blocks_for(args.row_bytes, kCommitThreads * 16) : 1,
                  args.count > 0 ? unsigned(args.count) : 1);
  launch(ctx, commit_kernel, grid, kCommitThreads, 0, args, ctx->counters);
  return launched(ctx, "smq_commit");
}

int32_t smq::run_advance(smq_context* ctx, uint64_t length, int32_t delta) {
  launch(ctx, advance_kernel, 1, 1, 0, at<int32_t>(length), delta);
  return launched(ctx, "smq_advance");
}

int32_t smq::run_cut_back(smq_context* ctx, uint64_t length, uint64_t limit, int32_t delta) {
  launch(ctx, cut_back_kernel, 1, 1, 0, at<int32_t>(length), at<const int32_t>(limit), delta);
  return launched(ctx, "smq_cut_back");
}

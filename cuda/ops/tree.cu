// Growth of a head's tree, level by level, or of one beside a sequence, and the choice of the nodes that are verified.
// Each runs on one block: there are few candidates, and each step needs the whole of the one before.
#include "ops/elements.cuh"
#include "ops/top_k.cuh"

using namespace smq;

namespace {

// kEach * kTopThreads candidates of a level at a time.
template <int kEach>
__global__ void __launch_bounds__(kTopThreads) expand_kernel(const TreeExpand args) {
  __shared__ TopK<kEach> top;
  __shared__ uint64_t old[SMQ_MAX_TOPK * SMQ_MAX_MASK];
  wait_for_previous();
  let_next_start();
  const int32_t topk = args.topk;
  const int32_t count = args.level == 1 ? topk : topk * topk;
  const int32_t first = args.level == 1 ? 0 : topk + (args.level - 2) * topk * topk;
  const int32_t thread = int32_t(threadIdx.x);
  // The old frontier's masks are read before the new ones are written.
  const int32_t words = topk * args.words;
  for (int32_t w = thread; w < words; w += kTopThreads) old[w] = args.level > 1 ? args.mask[w] : 0;
  top_k(top, topk, count, [&](int64_t place, int) {
    const int32_t i = int32_t(place);
    const int32_t row = i / topk;
    const int32_t parent = args.level == 1 ? -1 : max(0, min(args.nodes[row], first - 1));
    const float score = (parent < 0 ? 0.0f : args.scores[parent]) + args.values[i];
    args.scores[first + i] = score;
    args.tokens[first + i] = args.ids[i];
    args.parents[first + i] = parent;
    return top_key(score, uint32_t(i));
  });
  if (thread < topk) {
    const int32_t place = top_index(top.best[thread]);
    args.nodes[thread] = first + place;
    args.front_tokens[thread] = args.ids[place];
    args.front_rows[thread] = place / topk;
  }
  for (int32_t w = thread; w < words; w += kTopThreads) {
    const int32_t f = w / args.words, word = w % args.words;
    const int32_t row = top_index(top.best[f]) / topk;
    const int32_t bit = (args.level - 1) * topk + f;
    args.mask[w] = old[row * args.words + word] | (bit / 64 == word ? uint64_t(1) << (bit % 64) : 0);
  }
}

template <int kEach>
__global__ void __launch_bounds__(kTopThreads) select_kernel(const TreeSelect args) {
  __shared__ TopK<kEach> top;
  __shared__ int32_t places[SMQ_MAX_TREE];   // of the rows from 1 on, ascending
  __shared__ int32_t parents[SMQ_MAX_TREE];  // as rows
  wait_for_previous();
  let_next_start();
  const int32_t kept = args.size - 1;
  const int32_t thread = int32_t(threadIdx.x);
  if (kept > 0) {
    top_k(top, kept, args.candidates,
          [&](int64_t i, int) { return top_key(args.scores[i], uint32_t(i)); });
    if (thread < kept) {
      const int32_t place = top_index(top.best[thread]);
      int32_t below = 0;
      for (int32_t other = 0; other < kept; ++other) below += top_index(top.best[other]) < place;
      places[below] = place;
    }
  }
  __syncthreads();
  const int32_t row = thread;
  if (row < args.size) {
    // Scores do not rise from parent to child, so a parent is kept too; where they do, the nearest
    // ancestor that is kept stands in.
    int32_t parent = row == 0 ? -1 : 0;
    int32_t up = row == 0 ? 0 : places[row - 1];
    while (parent == 0) {
      const int32_t next = args.candidate_parents[up];
      if (next < 0 || next >= up) break;
      for (int32_t other = 1; other < row; ++other) {
        if (places[other - 1] == next) parent = other;
      }
      up = next;
    }
    parents[row] = parent;
  }
  __syncthreads();
  if (row >= args.size) return;
  int32_t depth = 0;
  uint64_t mask = uint64_t(1) << row;
  for (int32_t up = parents[row]; up >= 0; up = parents[up]) {
    ++depth;
    mask |= uint64_t(1) << up;
  }
  args.tokens[row] = row == 0 ? args.history[max(args.cache_length[0], 0)]
                              : args.candidate_tokens[places[row - 1]];
  args.parents[row] = parents[row];
  args.depths[row] = depth;
  args.mask[row] = mask;
}

// Thread i has the sequence's token i and the guesses beside it.
__global__ void __launch_bounds__(SMQ_MAX_TREE) siblings_kernel(const TreeSiblings args) {
  __shared__ float own_values[SMQ_MAX_TREE];
  wait_for_previous();
  let_next_start();
  const int32_t i = int32_t(threadIdx.x);
  const int32_t topk = args.topk;
  const int64_t length = max(args.cache_length[0], 0);
  const bool there = i < args.depth && i < args.limit[0] - length;
  const int32_t last = args.history[length];
  const int32_t own = there ? args.history[length + 1 + i] : last;
  const int64_t row = (length + i) % args.ring_rows * topk;
  if (there) {
    float own_value = args.values[row + topk - 1];
    for (int32_t j = 0; j < topk; ++j) {
      if (args.ids[row + j] == own) own_value = args.values[row + j];
    }
    own_values[i] = own_value;
  }
  __syncthreads();
  if (i >= args.depth) return;
  // In order, as on the twin.
  float before = 0;
  for (int32_t up = 0; there && up < i; ++up) before += own_values[up];
  args.scores[i] = there ? 1.0f : -INFINITY;
  args.tokens[i] = own;
  args.parents[i] = i - 1;
  for (int32_t j = 0; j < topk; ++j) {
    const int32_t candidate = args.depth + i * topk + j;
    const int32_t id = args.ids[row + j];
    const bool other = there && id != own && id >= 0 && id < args.vocab;
    args.scores[candidate] = other ? before + args.values[row + j] : -INFINITY;
    args.tokens[candidate] = other ? id : last;
    args.parents[candidate] = i - 1;
  }
}

}  // namespace

int32_t smq::run_tree_expand(smq_context* ctx, const TreeExpand& args) {
  const bool few = args.topk * args.topk <= kTopThreads;
  launch(ctx, few ? expand_kernel<1> : expand_kernel<16>, 1, kTopThreads, 0, args);
  return launched(ctx, "smq_tree_expand");
}

int32_t smq::run_tree_select(smq_context* ctx, const TreeSelect& args) {
  const bool few = args.candidates <= 4 * kTopThreads;
  launch(ctx, few ? select_kernel<4> : select_kernel<32>, 1, kTopThreads, 0, args);
  return launched(ctx, "smq_tree_select");
}

int32_t smq::run_tree_siblings(smq_context* ctx, const TreeSiblings& args) {
  launch(ctx, siblings_kernel, 1, SMQ_MAX_TREE, 0, args);
  return launched(ctx, "smq_tree_siblings");
}

// Growth of an EAGLE-2 tree, level by level, and the choice of the nodes that are verified. Both run on
// one block: there are few candidates, and each step needs the whole of the one before.
#include "ops/elements.cuh"
#include "ops/top_k.cuh"

using namespace smq;

namespace {

struct Expand {
  float* scores;
  int32_t *tokens, *parents, *nodes, *front_tokens, *front_rows;
  uint64_t* mask;
  const float* values;
  const int32_t* ids;
  int32_t words, level, topk;
};

// kEach * kTopThreads candidates of a level at a time.
template <int kEach>
__global__ void __launch_bounds__(kTopThreads) expand_kernel(const Expand args) {
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

struct Select {
  int32_t *tokens, *parents, *depths;
  uint64_t* mask;
  const float* scores;
  const int32_t *candidate_tokens, *candidate_parents, *history, *cache_length;
  int32_t candidates, size;
};

template <int kEach>
__global__ void __launch_bounds__(kTopThreads) select_kernel(const Select args) {
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

}  // namespace

int32_t smq_tree_expand(smq_context* ctx, uint64_t scores, uint64_t tokens, uint64_t parents,
                        uint64_t front_nodes, uint64_t front_tokens, uint64_t front_rows,
                        uint64_t front_mask, int32_t mask_words, uint64_t values, uint64_t ids,
                        int32_t level, int32_t topk) {
  Check check;
  check.pointer("ctx", ctx).address("scores", scores).address("tokens", tokens);
  check.address("parents", parents).address("front_nodes", front_nodes);
  check.address("front_tokens", front_tokens).address("front_rows", front_rows);
  check.address("front_mask", front_mask).address("values", values).address("ids", ids);
  check.at_least("mask_words", mask_words, 1).limit("mask_words", mask_words, SMQ_MAX_MASK);
  check.at_least("topk", topk, 1).limit("topk", topk, SMQ_MAX_TOPK).at_least("level", level, 1);
  if (check.failed()) return check.status();
  check.limit("level * topk", int64_t(level) * topk, int64_t(mask_words) * 64);
  if (check.failed()) return check.status();
  const Expand args{at<float>(scores),         at<int32_t>(tokens),     at<int32_t>(parents),
                    at<int32_t>(front_nodes),  at<int32_t>(front_tokens), at<int32_t>(front_rows),
                    at<uint64_t>(front_mask),  at<const float>(values), at<const int32_t>(ids),
                    mask_words,                level,                   topk};
  const bool few = topk * topk <= kTopThreads;
  launch(ctx, few ? expand_kernel<1> : expand_kernel<16>, 1, kTopThreads, 0, args);
  return launched(ctx, "smq_tree_expand");
}

int32_t smq_tree_select(smq_context* ctx, uint64_t out_tokens, uint64_t out_parents,
                        uint64_t out_depths, uint64_t out_mask, uint64_t scores, uint64_t tokens,
                        uint64_t parents, int32_t candidates, uint64_t history,
                        uint64_t cache_length, int32_t size) {
  Check check;
  check.pointer("ctx", ctx).address("out_tokens", out_tokens).address("out_parents", out_parents);
  check.address("out_depths", out_depths).address("out_mask", out_mask).address("scores", scores);
  check.address("tokens", tokens).address("parents", parents).address("history", history);
  check.address("cache_length", cache_length).at_least("size", size, 1);
  check.limit("size", size, SMQ_MAX_TREE).at_least("candidates", candidates, size - 1);
  if (check.failed()) return check.status();
  const Select args{at<int32_t>(out_tokens),      at<int32_t>(out_parents),
                    at<int32_t>(out_depths),      at<uint64_t>(out_mask),
                    at<const float>(scores),      at<const int32_t>(tokens),
                    at<const int32_t>(parents),   at<const int32_t>(history),
                    at<const int32_t>(cache_length), candidates,
                    size};
  const bool few = candidates <= 4 * kTopThreads;
  launch(ctx, few ? select_kernel<4> : select_kernel<32>, 1, kTopThreads, 0, args);
  return launched(ctx, "smq_tree_select");
}

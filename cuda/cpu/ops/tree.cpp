// Growth of an EAGLE-2 tree, level by level, and the choice of the nodes that are verified.
#include <algorithm>
#include <cstring>

#include "context.h"

using namespace smq;

namespace {

// NaN below everything, so that an order exists.
bool better(float a, float b) { return a > b || (a == a && b != b); }

// The places of the `keep` best of count scores, best first; the lower place first among equals.
void best_places(int32_t* places, int32_t keep, const float* scores, int32_t count) {
  int32_t held = 0;
  if (keep == 0) return;
  for (int32_t i = 0; i < count; ++i) {
    if (held == keep) {
      if (!better(scores[i], scores[places[keep - 1]])) continue;
      --held;
    }
    int32_t place = held++;
    for (; place > 0 && better(scores[i], scores[places[place - 1]]); --place) {
      places[place] = places[place - 1];
    }
    places[place] = i;
  }
}

struct Expand {
  float* scores;
  int32_t *tokens, *parents, *nodes, *front_tokens, *front_rows;
  uint64_t* mask;
  const float* values;
  const int32_t* ids;
  int32_t words, level, topk;
};

void expand(const Expand& args) {
  const int32_t topk = args.topk;
  const int32_t rows = args.level == 1 ? 1 : topk;
  const int32_t first = args.level == 1 ? 0 : topk + (args.level - 2) * topk * topk;
  for (int32_t row = 0; row < rows; ++row) {
    const int32_t parent = args.level == 1 ? -1 : std::clamp(args.nodes[row], 0, first - 1);
    const float score = parent < 0 ? 0.0f : args.scores[parent];
    for (int32_t j = 0; j < topk; ++j) {
      const int32_t candidate = first + row * topk + j;
      args.scores[candidate] = score + args.values[row * topk + j];
      args.tokens[candidate] = args.ids[row * topk + j];
      args.parents[candidate] = parent;
    }
  }
  // The old frontier's masks are read while the new ones are written.
  uint64_t old[SMQ_MAX_TOPK * SMQ_MAX_MASK] = {};
  const std::size_t mask_bytes = std::size_t(topk) * std::size_t(args.words) * 8;
  if (args.level > 1) std::memcpy(old, args.mask, mask_bytes);
  int32_t places[SMQ_MAX_TOPK];
  best_places(places, topk, args.scores + first, rows * topk);
  for (int32_t f = 0; f < topk; ++f) {
    const int32_t row = places[f] / topk;
    const int32_t bit = (args.level - 1) * topk + f;
    args.nodes[f] = first + places[f];
    args.front_tokens[f] = args.tokens[first + places[f]];
    args.front_rows[f] = row;
    uint64_t* mask = args.mask + f * args.words;
    std::memcpy(mask, old + row * args.words, std::size_t(args.words) * 8);
    // Nothing grows from the last level, whose own bits may lie past the words.
    if (bit < args.words * 64) mask[bit / 64] |= uint64_t(1) << (bit % 64);
  }
}

struct Select {
  int32_t *tokens, *parents, *depths;
  uint64_t* mask;
  const float* scores;
  const int32_t *candidate_tokens, *candidate_parents, *history, *cache_length;
  int32_t candidates, size;
};

void select(const Select& args) {
  const int32_t kept = args.size - 1;
  int32_t places[SMQ_MAX_TREE];
  best_places(places, kept, args.scores, args.candidates);
  std::sort(places, places + kept);
  args.tokens[0] = args.history[std::max(*args.cache_length, 0)];
  args.parents[0] = -1;
  args.depths[0] = 0;
  args.mask[0] = 1;
  for (int32_t row = 1; row < args.size; ++row) {
    const int32_t candidate = places[row - 1];
    // Scores do not rise from parent to child, so a parent is kept too; where they do, the nearest
    // ancestor that is kept stands in.
    int32_t parent = 0;
    int32_t up = candidate;
    while (parent == 0) {
      const int32_t next = args.candidate_parents[up];
      if (next < 0 || next >= up) break;
      const int32_t* end = places + row - 1;
      const int32_t* found = std::lower_bound(places, places + row - 1, next);
      if (found != end && *found == next) parent = int32_t(found - places) + 1;
      up = next;
    }
    args.tokens[row] = args.candidate_tokens[candidate];
    args.parents[row] = parent;
    args.depths[row] = args.depths[parent] + 1;
    args.mask[row] = args.mask[parent] | uint64_t(1) << row;
  }
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
  check.limit("(level - 1) * topk", (int64_t(level) - 1) * topk, int64_t(mask_words) * 64);
  if (check.failed()) return check.status();
  const Expand args{at<float>(scores),         at<int32_t>(tokens),     at<int32_t>(parents),
                    at<int32_t>(front_nodes),  at<int32_t>(front_tokens), at<int32_t>(front_rows),
                    at<uint64_t>(front_mask),  at<const float>(values), at<const int32_t>(ids),
                    mask_words,                level,                   topk};
  return submit(ctx, [=] { expand(args); });
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
  return submit(ctx, [=] { select(args); });
}

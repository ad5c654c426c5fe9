// Growth of a head's tree, level by level, or of one beside a sequence, and the choice of the nodes that are verified.
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

void expand(const TreeExpand& args) {
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

void select(const TreeSelect& args) {
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

void siblings(const TreeSiblings& args) {
  const int64_t length = std::max(*args.cache_length, 0);
  const int64_t count = std::clamp<int64_t>(*args.limit - length, 0, args.depth);
  const int32_t topk = args.topk;
  float before = 0;
  for (int32_t i = 0; i < args.depth; ++i) {
    const bool there = i < count;
    const int32_t own = args.history[length + (there ? 1 + i : 0)];
    const int64_t row = (length + i) % args.ring_rows * topk;
    args.scores[i] = there ? 1.0f : -__builtin_inff();
    args.tokens[i] = own;
    args.parents[i] = i - 1;
    float own_value = args.values[row + topk - 1];
    for (int32_t j = 0; j < topk; ++j) {
      const int32_t candidate = args.depth + i * topk + j;
      const int32_t id = args.ids[row + j];
      const bool other = there && id != own && id >= 0 && id < args.vocab;
      args.scores[candidate] = other ? before + args.values[row + j] : -__builtin_inff();
      args.tokens[candidate] = other ? id : args.history[length];
      args.parents[candidate] = i - 1;
      if (id == own) own_value = args.values[row + j];
    }
    before += own_value;
  }
}

}  // namespace

int32_t smq::run_tree_expand(smq_context* ctx, const TreeExpand& args) {
  return submit(ctx, [=] { expand(args); });
}

int32_t smq::run_tree_select(smq_context* ctx, const TreeSelect& args) {
  return submit(ctx, [=] { select(args); });
}

int32_t smq::run_tree_siblings(smq_context* ctx, const TreeSiblings& args) {
  return submit(ctx, [=] { siblings(args); });
}

// The end of a round: verification, commit, and the bookkeeping of lengths.
#include <algorithm>
#include <cstring>

#include "context.h"

using namespace smq;

namespace {

struct Verify {
  int32_t *result, *path, *history;
  const int32_t *cache_length, *best, *tokens, *parents, *limit;
  int32_t m;
};

void verify_greedy(const Verify& args) {
  const int64_t length = std::max(*args.cache_length, 0);
  // How many of the proposed rows exist.
  const int64_t rows = args.limit ? std::min<int64_t>(args.m, *args.limit - length + 1) : args.m;
  const auto token = [&](int32_t row) {
    return args.tokens ? args.tokens[row] : args.history[length + row];
  };
  const auto parent = [&](int32_t row) { return args.parents ? args.parents[row] : row - 1; };
  int32_t accepted = 1;
  int32_t last = 0;
  args.path[0] = 0;
  for (int32_t row = 1; row < rows; ++row) {
    // A child lies behind its parent, and the first child that fits is taken: one walk finds the path.
    if (parent(row) != last || token(row) != args.best[last]) continue;
    args.path[accepted++] = row;
    last = row;
  }
  args.result[0] = accepted;
  for (int32_t j = 0; j < accepted; ++j) {
    const int32_t chosen = args.best[args.path[j]];
    args.result[1 + j] = chosen;
    args.history[length + 1 + j] = chosen;
  }
}

struct Commit {
  const uint64_t* caches;
  const int32_t *path, *result;
  int32_t* cache_length;
  int32_t count, row_bytes, m;
};

void commit(const Commit& args) {
  const int64_t length = std::max(*args.cache_length, 0);
  const int32_t accepted = std::clamp(args.result[0], 0, args.m);
  for (int32_t c = 0; c < args.count; ++c) {
    uint8_t* first = at<uint8_t>(args.caches[c]) + length * args.row_bytes;
    for (int32_t j = 0; j < accepted; ++j) {
      // Paths ascend, so a row never lands on one that is still to be moved.
      const int64_t from = std::clamp(args.path[j], j, args.m - 1);
      if (from == j) continue;
      std::memcpy(first + int64_t(j) * args.row_bytes, first + from * args.row_bytes,
                  std::size_t(args.row_bytes));
    }
  }
  *args.cache_length = int32_t(length + accepted);
}

}  // namespace

int32_t smq_verify_greedy(smq_context* ctx, uint64_t result, uint64_t path, uint64_t history,
                          uint64_t cache_length, uint64_t best, uint64_t tokens, uint64_t parents,
                          uint64_t limit, int32_t m) {
  Check check;
  check.pointer("ctx", ctx).address("result", result).address("path", path);
  check.address("history", history).address("cache_length", cache_length).address("best", best);
  check.expect((tokens == 0) == (parents == 0),
               "one of tokens and parents is 0, expected both (a sequence) or neither (a tree)");
  check.at_least("m", m, 1);
  if (tokens) check.limit("m", m, SMQ_MAX_TREE);
  if (check.failed()) return check.status();
  const Verify args{at<int32_t>(result),          at<int32_t>(path),
                    at<int32_t>(history),         at<const int32_t>(cache_length),
                    at<const int32_t>(best),      at<const int32_t>(tokens),
                    at<const int32_t>(parents),   at<const int32_t>(limit),
                    m};
  return submit(ctx, [=] { verify_greedy(args); });
}

int32_t smq_commit(smq_context* ctx, uint64_t caches, int32_t count, int32_t row_bytes, uint64_t path,
                   uint64_t result, uint64_t cache_length, int32_t m) {
  Check check;
  check.pointer("ctx", ctx).at_least("count", count, 0);
  if (count > 0) check.address("caches", caches).at_least("row_bytes", row_bytes, 1);
  check.address("path", path).address("result", result).address("cache_length", cache_length);
  if (check.at_least("m", m, 1).failed()) return check.status();
  const Commit args{at<const uint64_t>(caches), at<const int32_t>(path), at<const int32_t>(result),
                    at<int32_t>(cache_length),  count,                   row_bytes,
                    m};
  return submit(ctx, [=] { commit(args); });
}

int32_t smq_advance(smq_context* ctx, uint64_t length, int32_t delta) {
  Check check;
  if (check.pointer("ctx", ctx).address("length", length).failed()) return check.status();
  return submit(ctx, [=] { *at<int32_t>(length) += delta; });
}

int32_t smq_cut_back(smq_context* ctx, uint64_t length, uint64_t limit, int32_t delta) {
  Check check;
  check.pointer("ctx", ctx).address("length", length).address("limit", limit);
  if (check.failed()) return check.status();
  return submit(ctx, [=] {
    int32_t& value = *at<int32_t>(length);
    value = std::min(value, *at<const int32_t>(limit) + delta);
  });
}

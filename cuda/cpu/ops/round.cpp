// The end of a round: verification, commit, and the bookkeeping of lengths.
#include <algorithm>
#include <cstring>

#include "context.h"

using namespace smq;

namespace {

void verify(const Verify& args) {
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
    if (parent(row) != last || token(row) != args.choice[last]) continue;
    args.path[accepted++] = row;
    last = row;
  }
  args.result[0] = accepted;
  for (int32_t j = 0; j < accepted; ++j) {
    const int32_t chosen = args.choice[args.path[j]];
    args.result[1 + j] = chosen;
    args.history[length + 1 + j] = chosen;
  }
}

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

int32_t smq::run_verify(smq_context* ctx, const Verify& args) {
  return submit(ctx, [=] { verify(args); });
}

int32_t smq::run_commit(smq_context* ctx, const Commit& args) {
  return submit(ctx, [=] { commit(args); });
}

int32_t smq::run_advance(smq_context* ctx, uint64_t length, int32_t delta) {
  return submit(ctx, [=] { *at<int32_t>(length) += delta; });
}

int32_t smq::run_cut_back(smq_context* ctx, uint64_t length, uint64_t limit, int32_t delta) {
  return submit(ctx, [=] {
    int32_t& value = *at<int32_t>(length);
    value = std::max(std::min(value, *at<const int32_t>(limit) + delta), 0);
  });
}

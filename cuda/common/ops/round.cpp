// The end of a round: verification, commit, and the bookkeeping of lengths.
#include "common/address.h"
#include "common/error.h"
#include "common/ops.h"

using namespace smq;

int32_t smq_verify(smq_context* ctx, uint64_t result, uint64_t path, uint64_t history,
                          uint64_t cache_length, uint64_t choice, uint64_t tokens, uint64_t parents,
                          uint64_t limit, int32_t m) {
  Check check;
  check.pointer("ctx", ctx).address("result", result).address("path", path);
  check.address("history", history).address("cache_length", cache_length).address("choice", choice);
  check.expect((tokens == 0) == (parents == 0),
               "one of tokens and parents is 0, expected both (a sequence) or neither (a tree)");
  check.at_least("m", m, 1);
  if (tokens) check.limit("m", m, SMQ_MAX_TREE);
  if (check.failed()) return check.status();
  return run_verify(
      ctx, {at<int32_t>(result), at<int32_t>(path), at<int32_t>(history),
            at<const int32_t>(cache_length), at<const int32_t>(choice), at<const int32_t>(tokens),
            at<const int32_t>(parents), at<const int32_t>(limit), m});
}

int32_t smq_commit(smq_context* ctx, uint64_t caches, int32_t count, int32_t row_bytes, uint64_t path,
                   uint64_t result, uint64_t cache_length, int32_t m) {
  Check check;
  check.pointer("ctx", ctx).at_least("count", count, 0);
  if (count > 0) check.address("caches", caches).at_least("row_bytes", row_bytes, 1);
  check.address("path", path).address("result", result).address("cache_length", cache_length);
  if (check.at_least("m", m, 1).failed()) return check.status();
  return run_commit(ctx, {at<const uint64_t>(caches), at<const int32_t>(path),
                          at<const int32_t>(result), at<int32_t>(cache_length), count, row_bytes, m});
}

int32_t smq_advance(smq_context* ctx, uint64_t length, int32_t delta) {
  Check check;
  check.pointer("ctx", ctx).address("length", length);
  return check.failed() ? check.status() : run_advance(ctx, length, delta);
}

int32_t smq_cut_back(smq_context* ctx, uint64_t length, uint64_t limit, int32_t delta) {
  Check check;
  check.pointer("ctx", ctx).address("length", length).address("limit", limit);
  return check.failed() ? check.status() : run_cut_back(ctx, length, limit, delta);
}

// Growth of a head's tree, level by level, or of one beside a sequence, and the choice of the nodes that are verified.
#include "common/address.h"
#include "common/error.h"
#include "common/ops.h"

using namespace smq;

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
  // Nothing grows from the last level, whose own bits may lie past the words.
  check.limit("(level - 1) * topk", (int64_t(level) - 1) * topk, int64_t(mask_words) * 64);
  if (check.failed()) return check.status();
  return run_tree_expand(
      ctx, {at<float>(scores), at<int32_t>(tokens), at<int32_t>(parents), at<int32_t>(front_nodes),
            at<int32_t>(front_tokens), at<int32_t>(front_rows), at<uint64_t>(front_mask),
            at<const float>(values), at<const int32_t>(ids), mask_words, level, topk});
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
  return run_tree_select(
      ctx, {at<int32_t>(out_tokens), at<int32_t>(out_parents), at<int32_t>(out_depths),
            at<uint64_t>(out_mask), at<const float>(scores), at<const int32_t>(tokens),
            at<const int32_t>(parents), at<const int32_t>(history),
            at<const int32_t>(cache_length), candidates, size});
}

int32_t smq_tree_siblings(smq_context* ctx, uint64_t scores, uint64_t tokens, uint64_t parents,
                          uint64_t values, uint64_t ids, int32_t ring_rows, int32_t topk,
                          uint64_t history, uint64_t cache_length, uint64_t limit, int32_t depth,
                          int32_t vocab) {
  Check check;
  check.pointer("ctx", ctx).address("scores", scores).address("tokens", tokens);
  check.address("parents", parents).address("values", values).address("ids", ids);
  check.address("history", history).address("cache_length", cache_length).address("limit", limit);
  check.at_least("ring_rows", ring_rows, 1).at_least("topk", topk, 1);
  check.limit("topk", topk, SMQ_MAX_TOPK).at_least("depth", depth, 1);
  check.limit("depth", depth, SMQ_MAX_TREE - 1).at_least("vocab", vocab, 1);
  if (check.failed()) return check.status();
  return run_tree_siblings(
      ctx, {at<float>(scores), at<int32_t>(tokens), at<int32_t>(parents), at<const float>(values),
            at<const int32_t>(ids), at<const int32_t>(history), at<const int32_t>(cache_length),
            at<const int32_t>(limit), ring_rows, topk, depth, vocab});
}

// The choice of tokens from rows of logits.
#include "common/address.h"
#include "common/error.h"
#include "common/ops.h"

using namespace smq;

int32_t smq_choose(smq_context* ctx, uint64_t choice, uint64_t scores, uint64_t logits,
                   uint64_t settings, uint64_t bias_ids, uint64_t bias_values, uint64_t allowed,
                   uint64_t history, uint64_t cache_length, uint64_t tokens, uint64_t depths,
                   uint64_t mask, int32_t m, int32_t vocab, int32_t chosen_from) {
  Check check;
  check.pointer("ctx", ctx).address("choice", choice).address("scores", scores);
  check.address("logits", logits).address("settings", settings).address("bias_ids", bias_ids);
  check.address("bias_values", bias_values).address("history", history);
  check.address("cache_length", cache_length);
  check.expect((tokens == 0) == (mask == 0) && (tokens == 0) == (depths == 0),
               "some of tokens, depths and mask are 0, expected all (a sequence) or none (a tree)");
  check.at_least("m", m, 1).at_least("vocab", vocab, 1);
  check.between("chosen_from", chosen_from, 1, vocab);
  check.extent("logits", logits, m, vocab, 4).extent("scores", scores, m, vocab, 4);
  check.limit("m", m, SMQ_MAX_TREE);
  if (check.failed()) return check.status();
  return run_choose(ctx, {at<int32_t>(choice), at<float>(scores), at<const float>(logits),
                          at<const int32_t>(settings), at<const int32_t>(bias_ids),
                          at<const float>(bias_values), at<const uint32_t>(allowed),
                          at<const int32_t>(history), at<const int32_t>(cache_length),
                          at<const int32_t>(tokens), at<const int32_t>(depths),
                          at<const uint64_t>(mask), m, vocab, chosen_from});
}

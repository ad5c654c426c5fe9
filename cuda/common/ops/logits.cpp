// Log-probabilities from rows of logits.
#include "common/address.h"
#include "common/error.h"
#include "common/ops.h"

using namespace smq;

namespace {

void check_logits(Check& check, const smq_context* ctx, uint64_t logits, int32_t m, int32_t vocab) {
  check.pointer("ctx", ctx).address("logits", logits).at_least("m", m, 1);
  check.at_least("vocab", vocab, 1).extent("logits", logits, m, vocab, 4);
}

void check_top(Check& check, uint64_t values, uint64_t ids, int32_t vocab, int32_t topk) {
  check.address("values", values).address("ids", ids).at_least("topk", topk, 1);
  check.limit("topk", topk, SMQ_MAX_TOPK).between("topk", topk, 1, vocab);
}

}  // namespace

int32_t smq_top_log_probs(smq_context* ctx, uint64_t values, uint64_t ids, uint64_t logits, int32_t m,
                          int32_t vocab, int32_t topk) {
  Check check;
  check_logits(check, ctx, logits, m, vocab);
  check_top(check, values, ids, vocab, topk);
  return check.failed() ? check.status()
                        : run_top_log_probs(ctx, values, ids, logits, m, vocab, topk);
}

int32_t smq_top_choices(smq_context* ctx, uint64_t values, uint64_t ids, uint64_t logits,
                        uint64_t settings, uint64_t bias_ids, uint64_t bias_values, uint64_t history,
                        uint64_t cache_length, uint64_t tokens, uint64_t entries, int32_t known,
                        int32_t offset, int32_t step, int32_t m, int32_t vocab, int32_t topk) {
  Check check;
  check_logits(check, ctx, logits, m, vocab);
  check_top(check, values, ids, vocab, topk);
  check.address("settings", settings).address("bias_ids", bias_ids);
  check.address("bias_values", bias_values).address("history", history);
  check.address("cache_length", cache_length).at_least("offset", offset, 1);
  check.between("step", step, 0, 1);
  check.limit("m", m, SMQ_MAX_TREE);
  check.expect((tokens == 0) == (entries == 0), "tokens are given without entries or the reverse, expected both or neither");
  if (tokens) check.at_least("known", known, 1);
  if (check.failed()) return check.status();
  auto* rows = at<float>(logits);
  return run_top_choices(ctx, values, ids,
                         {nullptr, rows, rows, at<const int32_t>(settings),
                          at<const int32_t>(bias_ids), at<const float>(bias_values), nullptr,
                          at<const int32_t>(history), at<const int32_t>(cache_length), nullptr,
                          nullptr, nullptr, m, vocab, vocab,
                          {at<const int32_t>(tokens), at<const int32_t>(entries), known}},
                         offset, step, topk);
}

int32_t smq_log_probs(smq_context* ctx, uint64_t out, uint64_t logits, uint64_t targets, int32_t m,
                      int32_t vocab) {
  Check check;
  check_logits(check, ctx, logits, m, vocab);
  check.address("out", out).address("targets", targets);
  return check.failed() ? check.status() : run_log_probs(ctx, out, logits, targets, m, vocab);
}

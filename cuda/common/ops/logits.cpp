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

// Rows of logits as a drafter looks at them: changed in place.
struct DraftedFrom {
  uint64_t logits, settings, bias_ids, bias_values, history, cache_length, tokens, entries;
  int32_t known, offset, m, vocab;

  void check(Check& check, const smq_context* ctx) const {
    check_logits(check, ctx, logits, m, vocab);
    check.address("settings", settings).address("bias_ids", bias_ids);
    check.address("bias_values", bias_values).address("history", history);
    check.address("cache_length", cache_length).at_least("offset", offset, 1);
    check.limit("m", m, SMQ_MAX_TREE);
    check.expect((tokens == 0) == (entries == 0),
                 "tokens are given without entries or the reverse, expected both or neither");
    if (tokens) check.at_least("known", known, 1);
  }

  Choose choose() const {
    auto* rows = at<float>(logits);
    return {nullptr, rows, rows, at<const int32_t>(settings), at<const int32_t>(bias_ids),
            at<const float>(bias_values), nullptr, at<const int32_t>(history),
            at<const int32_t>(cache_length), nullptr, nullptr, nullptr, m, vocab, vocab,
            {at<const int32_t>(tokens), at<const int32_t>(entries), known}};
  }
};

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
  const DraftedFrom from{logits, settings, bias_ids, bias_values, history, cache_length,
                         tokens, entries, known, offset, m, vocab};
  Check check;
  from.check(check, ctx);
  check_top(check, values, ids, vocab, topk);
  if (check.between("step", step, 0, 1).failed()) return check.status();
  return run_top_choices(ctx, values, ids, from.choose(), offset, step, topk);
}

int32_t smq_likeliest(smq_context* ctx, uint64_t drafted, uint64_t last, uint64_t said, uint64_t logits,
                      uint64_t settings, uint64_t bias_ids, uint64_t bias_values, uint64_t history,
                      uint64_t cache_length, uint64_t tokens, uint64_t entries, int32_t known,
                      uint64_t table, int32_t table_rows, int32_t rank, int32_t offset, int32_t m,
                      int32_t vocab) {
  const DraftedFrom from{logits, settings, bias_ids, bias_values, history, cache_length,
                         tokens, entries, known, offset, m, vocab};
  Check check;
  from.check(check, ctx);
  check.address("drafted", drafted);
  check.expect((said == 0) == (table == 0), "said is given without table or the reverse, expected both or neither");
  if (table) {
    check.at_least("table_rows", table_rows, 1).at_least("rank", rank, 1).between("m", m, 1, 1);
    check.extent("table", table, table_rows, rank, 2).extent("said", said, 1, rank, 2);
  }
  if (check.failed()) return check.status();
  return run_likeliest(ctx, {from.choose(), at<int32_t>(drafted), at<int32_t>(last), at<uint16_t>(said),
                             at<const uint16_t>(table), table_rows, rank, offset});
}

int32_t smq_log_probs(smq_context* ctx, uint64_t out, uint64_t logits, uint64_t targets, int32_t m,
                      int32_t vocab) {
  Check check;
  check_logits(check, ctx, logits, m, vocab);
  check.address("out", out).address("targets", targets);
  return check.failed() ? check.status() : run_log_probs(ctx, out, logits, targets, m, vocab);
}

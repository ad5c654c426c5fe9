// Log-probabilities from rows of logits.
#include "common/error.h"
#include "common/ops.h"

using namespace smq;

namespace {

void check_logits(Check& check, const smq_context* ctx, uint64_t logits, int32_t m, int32_t vocab) {
  check.pointer("ctx", ctx).address("logits", logits).at_least("m", m, 1);
  check.at_least("vocab", vocab, 1).extent("logits", logits, m, vocab, 4);
}

}  // namespace

int32_t smq_top_log_probs(smq_context* ctx, uint64_t values, uint64_t ids, uint64_t logits, int32_t m,
                          int32_t vocab, int32_t topk) {
  Check check;
  check_logits(check, ctx, logits, m, vocab);
  check.address("values", values).address("ids", ids).at_least("topk", topk, 1);
  check.limit("topk", topk, SMQ_MAX_TOPK).between("topk", topk, 1, vocab);
  return check.failed() ? check.status()
                        : run_top_log_probs(ctx, values, ids, logits, m, vocab, topk);
}

int32_t smq_log_probs(smq_context* ctx, uint64_t out, uint64_t logits, uint64_t targets, int32_t m,
                      int32_t vocab) {
  Check check;
  check_logits(check, ctx, logits, m, vocab);
  check.address("out", out).address("targets", targets);
  return check.failed() ? check.status() : run_log_probs(ctx, out, logits, targets, m, vocab);
}

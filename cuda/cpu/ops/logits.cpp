// The choice of tokens from rows of logits.
#include "context.h"

using namespace smq;

namespace {

void check_logits(Check& check, const smq_context* ctx, uint64_t logits, int32_t m, int32_t vocab) {
  check.pointer("ctx", ctx).address("logits", logits).at_least("m", m, 1);
  check.at_least("vocab", vocab, 1).extent("logits", logits, m, vocab, 4);
}

}  // namespace

int32_t smq_argmax(smq_context* ctx, uint64_t best, uint64_t logits, int32_t m, int32_t vocab) {
  Check check;
  check_logits(check, ctx, logits, m, vocab);
  if (check.address("best", best).failed()) return check.status();
  return submit(ctx, [=] {
    ctx->pool.run(m, 0.15 * vocab, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        at<int32_t>(best)[i] = ctx->kernels.argmax(at<const float>(logits) + i * vocab, vocab);
      }
    });
  });
}

int32_t smq_top_log_probs(smq_context* ctx, uint64_t values, uint64_t ids, uint64_t logits, int32_t m,
                          int32_t vocab, int32_t topk) {
  Check check;
  check_logits(check, ctx, logits, m, vocab);
  check.address("values", values).address("ids", ids).at_least("topk", topk, 1);
  check.limit("topk", topk, SMQ_MAX_TOPK).between("topk", topk, 1, vocab);
  if (check.failed()) return check.status();
  return submit(ctx, [=] {
    ctx->pool.run(m, 0.6 * vocab, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        ctx->kernels.top_log_probs(at<float>(values) + i * topk, at<int32_t>(ids) + i * topk,
                                   at<const float>(logits) + i * vocab, vocab, topk);
      }
    });
  });
}

int32_t smq_log_probs(smq_context* ctx, uint64_t out, uint64_t logits, uint64_t targets, int32_t m,
                      int32_t vocab) {
  Check check;
  check_logits(check, ctx, logits, m, vocab);
  if (check.address("out", out).address("targets", targets).failed()) return check.status();
  return submit(ctx, [=] {
    ctx->pool.run(m, 0.5 * vocab, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const float* row = at<const float>(logits) + i * vocab;
        const int32_t target = at<const int32_t>(targets)[i];
        float largest, log_sum;
        ctx->kernels.log_softmax(row, vocab, &largest, &log_sum);
        // A target outside the vocabulary has no probability.
        at<float>(out)[i] = target < 0 || target >= vocab ? -__builtin_inff()
                                                          : (row[target] - largest) - log_sum;
      }
    });
  });
}

// The choice of tokens from rows of logits.
#include "context.h"

using namespace smq;

int32_t smq::run_choose(smq_context* ctx, const Choose& args) {
  const int64_t row_bytes = int64_t(args.chosen_from) * 4;
  return submit(
      ctx,
      [=] {
        ctx->pool.run(args.m, 2.0 * args.vocab, [&](int64_t begin, int64_t end, int thread) {
          auto* counts = reinterpret_cast<uint32_t*>(ctx->scratch.data() + thread * row_bytes);
          for (int64_t i = begin; i < end; ++i) ctx->kernels.choose(args, i, counts);
        });
      },
      row_bytes * ctx->pool.threads());
}

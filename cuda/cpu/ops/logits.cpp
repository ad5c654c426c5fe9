// Log-probabilities from rows of logits.
#include <algorithm>

#include "context.h"

using namespace smq;

int32_t smq::run_top_log_probs(smq_context* ctx, uint64_t values, uint64_t ids, uint64_t logits,
                               int32_t m, int32_t vocab, int32_t topk) {
  return submit(ctx, [=] {
    ctx->pool.run(m, 0.6 * vocab, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        ctx->kernels.top_log_probs(at<float>(values) + i * topk, at<int32_t>(ids) + i * topk,
                                   at<const float>(logits) + i * vocab, vocab, topk);
      }
    });
  });
}

int32_t smq::run_top_choices(smq_context* ctx, uint64_t values, uint64_t ids, const Choose& from,
                             int32_t offset, int32_t step, int32_t topk) {
  const int64_t row_bytes = int64_t(from.vocab) * 4;
  return submit(
      ctx,
      [=] {
        ctx->pool.run(from.m, 2.0 * from.vocab, [&](int64_t begin, int64_t end, int thread) {
          auto* counts = reinterpret_cast<uint32_t*>(ctx->scratch.data() + thread * row_bytes);
          for (int64_t i = begin; i < end; ++i) {
            int32_t* row_ids = at<int32_t>(ids) + i * topk;
            ctx->kernels.expect(from, offset, step, i, counts);
            ctx->kernels.top_log_probs(at<float>(values) + i * topk, row_ids,
                                       from.scores + i * from.vocab, from.vocab, topk);
            for (int32_t j = 0; j < topk; ++j) row_ids[j] = from.map.token_of(row_ids[j]);
          }
        });
      },
      row_bytes * ctx->pool.threads());
}

int32_t smq::run_likeliest(smq_context* ctx, const Likeliest& args) {
  const int64_t row_bytes = int64_t(args.from.vocab) * 4;
  return submit(
      ctx,
      [=] {
        const Choose& from = args.from;
        if (args.last) *args.last = from.history[std::max(*from.cache_length, 0)];
        ctx->pool.run(from.m, 0.3 * from.vocab, [&](int64_t begin, int64_t end, int thread) {
          auto* counts = reinterpret_cast<uint32_t*>(ctx->scratch.data() + thread * row_bytes);
          for (int64_t i = begin; i < end; ++i) {
            ctx->kernels.expect(from, args.offset + int32_t(i), 0, i, counts);
            const int32_t entry = ctx->kernels.largest(from.scores + i * from.vocab, from.vocab);
            args.drafted[i] = from.map.token_of(std::max(entry, 0));
          }
        });
        if (!args.table) return;
        const int32_t token = args.drafted[0];
        const bool known = token >= 0 && token < args.table_rows;
        for (int32_t j = 0; j < args.rank; ++j) {
          args.said[j] = known ? args.table[int64_t(token) * args.rank + j] : 0;
        }
      },
      row_bytes * ctx->pool.threads());
}

int32_t smq::run_log_probs(smq_context* ctx, uint64_t out, uint64_t logits, uint64_t targets,
                           int32_t m, int32_t vocab) {
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

// Attention over a cache, with or without a tree mask.
#include <algorithm>

#include "context.h"
#include "ops/attention.kernel.h"

using namespace smq;

int32_t smq::run_attention(smq_context* ctx, const Attention& args) {
  Check check;
  if (check.limit("head_dim", args.head_dim, kAttentionDim).failed()) return check.status();
  return submit(ctx, [=] {
    const auto& kernels = ctx->kernels.half[args.dtype];
    const auto kernel = args.cache == SMQ_I8 ? kernels.attention_i8 : kernels.attention;
    const double keys = std::clamp(double(*args.cache_length) + 0.5 * args.m, 1.0, double(args.slots));
    const double cost = 0.1 * keys * args.head_dim * (args.heads / args.kv_heads) + 100;
    ctx->pool.run(int64_t(args.m) * args.kv_heads, cost, [&](int64_t begin, int64_t end, int) {
      kernel(args, begin, end);
    });
  });
}

int32_t smq::run_attention_bytes(int32_t, int32_t, int32_t, int32_t head_dim, int32_t, int32_t, int64_t* out) {
  Check check;
  if (check.limit("head_dim", head_dim, kAttentionDim).failed()) return check.status();
  // The softmax runs along the keys, so what it holds fits on a thread's stack.
  *out = 0;
  return SMQ_OK;
}

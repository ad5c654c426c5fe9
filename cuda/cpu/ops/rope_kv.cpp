// Rotation of q and k, and the write of k and v into their caches.
#include "context.h"

using namespace smq;

int32_t smq::run_rope_kv(smq_context* ctx, const RopeKv& args) {
  return submit(ctx, [=] {
    const auto kernel = ctx->kernels.half[args.dtype].rope_kv;
    const double cost = 0.4 * args.head_dim * (args.heads + 2.0 * args.kv_heads);
    ctx->pool.run(args.m, cost, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) kernel(args, i);
    });
  });
}

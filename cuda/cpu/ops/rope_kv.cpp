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

int32_t smq::run_rope_keys(smq_context* ctx, const RopeKeys& args) {
  return submit(ctx, [=] {
    const auto kernel = ctx->kernels.half[args.one.dtype].rope_kv;
    const int64_t width = args.width();
    ctx->pool.run(args.one.m, 0.4 * double(args.layers * width), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        for (int32_t layer = 0; layer < args.layers; ++layer) {
          RopeKv one = args.of(layer);
          // Of rows as wide as one layer's: where row i would begin if this layer's were its row.
          const int64_t from = (i * (args.layers - 1) + layer) * width;
          one.qkv = const_cast<uint16_t*>(static_cast<const uint16_t*>(args.kv)) + from;
          kernel(one, i);
        }
      }
    });
  });
}

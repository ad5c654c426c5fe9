// Adds up the parts of a product whose outputs no kernel behind it reads, as far as is known.
#include "gemm/stream/gather.cuh"
#include "ops/parts.cuh"

namespace smq {
namespace {

template <class T, Order O>
__global__ void __launch_bounds__(kGroups* kGroupThreads)
    gather_float(const StreamCall call, const PartsOf<O> parts) {
  let_next_start();
  constexpr int kOperands = PartsOf<O>::kOperands;
  gather_chunk<O, float>(
      call, parts, [&](int tile, int group, int thread, int c, const float(&sums)[kOperands][4]) {
        store_chunk<T, kGatheredOrder<O>, kGroups, kOperands>(call, tile, group, thread, c,
                                                              [&](int j, int i) { return sums[j][i]; });
      });
}

}  // namespace

void add_parts(smq_context* ctx) {
  if (ctx->rotation) {
    const RopeKv rotation = *ctx->rotation;
    ctx->rotation.reset();
    return queue_rotation(ctx, rotation);
  }
  const Parts parts = take_parts(ctx);
  with_parts(parts, [&](auto type, auto order) {
    launch_gather(ctx, gather_float<decltype(type), decltype(order)::value>, parts.call, parts.rows);
  });
}

}  // namespace smq

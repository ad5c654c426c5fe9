// The gated activation of what a product has left in parts: the gate and the up projection of the same outputs are
// added up side by side.
#include "gemm/stream/parts.cuh"
#include "ops/parts.cuh"
#include "ops/silu.cuh"

namespace smq {
namespace {

constexpr int kThreads = kGroups * kGroupThreads;

template <class T, Order O>
__global__ void __maxnreg__(registers_beside(O))
    silu_parts_kernel(const StreamCall call, const PartsOf<O> parts, T* out) {
  let_next_start();
  using At = TileOutputs<O>;
  constexpr int kAhead = O == Order::kPairs ? 3 : 4;  // few workers share a tile of a product so wide
  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads, c = blockIdx.y;
  const int32_t half = call.n / 2, tile = blockIdx.x;
  TileWorkers workers[2];
  workers[0].find(call.split, tile);
  workers[1].find(call.split, tile + half / At::kTile);
  PartsHere<O, float> here[2];
#pragma unroll
  for (int side = 0; side < 2; ++side) here[side] = {call, parts, workers[side], group, thread, c};
  wait_for_previous();
  float sums[2][PartsOf<O>::kOperands][4];
  sum_parts<kAhead>(sums, here, [] {});
  each_pack<O>(call, group, thread, c, [&](int row, int column, int p, int first) {
    const int64_t at = 8 * c + row;
    const int32_t output = tile * At::kTile + first;
    Pack<T, At::kWidth> sides[2];
#pragma unroll
    for (int side = 0; side < 2; ++side) {
      const int32_t from = output + side * half;
      T* const y = static_cast<T*>(call.y) + at * call.n + from;
      if (workers[side].shared()) {
        const auto sum = At::template pack<T>(call, sums[side], from, p, column);
#pragma unroll
        for (int e = 0; e < At::kWidth; ++e) sides[side].e[e] = narrow<T>(sum.e[e]);
        store(y, sides[side]);
      } else {
        sides[side] = load<T, At::kWidth>(y);
      }
    }
    store(out + at * half + output, silu_mul(sides[0], sides[1]));
  });
}

}  // namespace

bool silu_mul_of_parts(smq_context* ctx, uint64_t out, uint64_t x, int32_t m, int32_t n, int32_t dtype) {
  if (n > INT32_MAX / 2 || !has_parts_of(ctx, at<void>(x), m, 2 * n, SMQ_STORE, dtype)) return false;
  // A tile of gates has its own tile of ups.
  if (n % tile_of(*ctx->parts) != 0 || !aligned(out, 8)) return false;
  const Parts parts = take_parts(ctx);
  with_parts(parts, [&](auto type, auto order) {
    using T = decltype(type);
    const auto kernel = silu_parts_kernel<T, decltype(order)::value>;
    prefer_shared(kernel);
    launch(ctx, kernel, dim3(unsigned(n / tile_of(parts)), row_chunks(parts.call)), kThreads, 0, parts.call,
           PartsOf<decltype(order)::value>{parts.rows / 8}, at<T>(out));
  });
  return true;
}

}  // namespace smq

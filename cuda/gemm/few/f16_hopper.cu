// Instantiations of the Hopper kernel for weights of the activations' dtype.
#include "gemm/few/f16_hopper.cuh"

#include "gemm/stream/parts.cuh"
#include "gemm/stream/stream.cuh"

namespace smq {
namespace {

template <class T, int N>
int32_t run(smq_context* ctx, const StreamCall& call, const CUtensorMap& x_map,
            const CUtensorMap& w_map) {
  prefer_shared(f16_hopper<T, N>);
  launch(ctx, f16_hopper<T, N>, call.split.workers, F16Hopper<N>::kThreads, F16Hopper<N>::R::kBytes,
         x_map, w_map, call);
  leave_parts<T>(ctx, call, Order::kNatural, N);
  return launched(ctx, "a product with 16-bit weights");
}

template <class T>
int32_t by_rows(smq_context* ctx, const StreamCall& call, const CUtensorMap& x_map,
                const CUtensorMap& w_map) {
  switch (row_bucket(call.m)) {
    case 8: return run<T, 8>(ctx, call, x_map, w_map);
    case 16: return run<T, 16>(ctx, call, x_map, w_map);
    case 24: return run<T, 24>(ctx, call, x_map, w_map);
    case 32: return run<T, 32>(ctx, call, x_map, w_map);
    case 48: return run<T, 48>(ctx, call, x_map, w_map);
    default: return run<T, 64>(ctx, call, x_map, w_map);
  }
}

}  // namespace

int32_t f16_on_hopper(smq_context* ctx, const StreamCall& call, int dtype) {
  CUtensorMap x_map, w_map;
  if (!map_rows(&x_map, call.x, call.m, call.k, row_bucket(call.m)) ||
      !map_rows(&w_map, call.w, call.n, call.k, kF16Tile)) {
    return fail(SMQ_DEVICE, "the driver refused to describe x or w to the copy engine");
  }
  return dtype == SMQ_F16 ? by_rows<__half>(ctx, call, x_map, w_map)
                          : by_rows<__nv_bfloat16>(ctx, call, x_map, w_map);
}

}  // namespace smq

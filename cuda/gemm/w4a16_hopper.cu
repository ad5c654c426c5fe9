// Instantiations of the Hopper kernel for four-bit weights.
#include "gemm/w4a16_hopper.cuh"

#include "gemm/stream.cuh"

namespace smq {
namespace {

template <class T, int N, int Grain>
int32_t run(smq_context* ctx, const StreamCall& call, const CUtensorMap& x_map) {
  using W = W4Hopper<N, Grain>;
  prefer_shared(w4a16_hopper<T, N, Grain>);
  launch(ctx, w4a16_hopper<T, N, Grain>, call.split.workers, W::kThreads, W::R::kBytes, x_map, call);
  return launched(ctx, "a product with four-bit weights");
}

template <class T, int Grain>
int32_t by_rows(smq_context* ctx, const StreamCall& call, const CUtensorMap& x_map) {
  switch (row_bucket(call.m)) {
    case 8: return run<T, 8, Grain>(ctx, call, x_map);
    case 16: return run<T, 16, Grain>(ctx, call, x_map);
    case 24: return run<T, 24, Grain>(ctx, call, x_map);
    case 32: return run<T, 32, Grain>(ctx, call, x_map);
    case 48: return run<T, 48, Grain>(ctx, call, x_map);
    default: return run<T, 64, Grain>(ctx, call, x_map);
  }
}

template <class T>
int32_t by_grain(smq_context* ctx, const StreamCall& call, int grain, const CUtensorMap& x_map) {
  switch (grain) {
    case 32: return by_rows<T, 32>(ctx, call, x_map);
    case 64: return by_rows<T, 64>(ctx, call, x_map);
    default: return by_rows<T, 128>(ctx, call, x_map);
  }
}

}  // namespace

int32_t w4a16_on_hopper(smq_context* ctx, const StreamCall& call, int grain, int dtype) {
  CUtensorMap x_map;
  if (!map_rows(&x_map, call.x, call.m, call.k, row_bucket(call.m))) {
    return fail(SMQ_DEVICE, "the driver refused to describe x to the copy engine");
  }
  return dtype == SMQ_F16 ? by_grain<__half>(ctx, call, grain, x_map)
                          : by_grain<__nv_bfloat16>(ctx, call, grain, x_map);
}

}  // namespace smq

// The launches of units_hopper.cuh.
#pragma once

#include "gemm/few/units_hopper.cuh"
#include "gemm/stream/gather.cuh"
#include "gemm/stream/units_stream.cuh"

namespace smq {

template <class P, int N>
int32_t launch_units(smq_context* ctx, const UnitsCall& call) {
  using U = UnitsHopper<P, N>;
  CUtensorMap x_map;
  const StreamCall& stream = call.stream;
  if (!map_rows(&x_map, stream.x, stream.m, stream.k / 2 * P::kInput, N)) {
    return fail(SMQ_DEVICE, "the driver refused to describe x to the copy engine");
  }
  prefer_shared(units_hopper<P, N>);
  launch(ctx, units_hopper<P, N>, stream.split.workers, U::kThreads, U::R::kBytes, x_map, call);
  launch_gather(ctx, gather_units<P, Share<U::kGroups>::kOrder>, call, N);
  return launched(ctx, "a product with quantized weights");
}

template <class P>
int32_t units_on_hopper(smq_context* ctx, const UnitsCall& call) {
  if (call.stream.m <= 8) return launch_units<P, 8>(ctx, call);
  if (call.stream.m <= 16) return launch_units<P, 16>(ctx, call);
  if (call.stream.m <= 32) return launch_units<P, 32>(ctx, call);
  return launch_units<P, 64>(ctx, call);
}

}  // namespace smq

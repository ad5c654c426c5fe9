// The launches of w4a16_hopper.cuh.
#pragma once

#include "gemm/few/w4a16_hopper.cuh"
#include "gemm/stream/parts.cuh"
#include "gemm/stream/stream.cuh"

namespace smq {

// Units of a worker from which on wgmma is quicker for 9 to 16 rows, as it begins later and then takes less for each, and
// from which on it wants all registers for 25 to 32 (docs/adr/0059, 0065).
constexpr int kManyUnits = 10, kSomeUnits = 5;

template <class T, int N, int Grain, int Zeros, By Kind>
int32_t launch_w4a16(smq_context* ctx, const StreamCall& call, const CUtensorMap& x_map) {
  using W = W4Hopper<N, Grain, Zeros, Kind>;
  const auto kernel = w4a16_hopper<T, N, Grain, Zeros, Kind>;
  prefer_shared(kernel);
  launch(ctx, kernel, call.split.workers, W::kThreads, W::R::kBytes, x_map, call);
  leave_parts<T>(ctx, call, W::kOrder, N);
  return launched(ctx, "a product with four-bit weights");
}

template <class T, int Grain, int Zeros>
int32_t w4a16_by_rows(smq_context* ctx, const StreamCall& call, const CUtensorMap& x_map) {
  const int units = call.split.units() / call.split.workers;
  switch (row_bucket(call.m)) {
    case 8: return launch_w4a16<T, 8, Grain, Zeros, By::kMma>(ctx, call, x_map);
    case 16:
      return units < kManyUnits ? launch_w4a16<T, 16, Grain, Zeros, By::kMma>(ctx, call, x_map)
                                : launch_w4a16<T, 16, Grain, Zeros, By::kLeanWgmma>(ctx, call, x_map);
    case 24: return launch_w4a16<T, 24, Grain, Zeros, By::kLeanWgmma>(ctx, call, x_map);
    case 32:
      return units < kSomeUnits ? launch_w4a16<T, 32, Grain, Zeros, By::kLeanWgmma>(ctx, call, x_map)
                                : launch_w4a16<T, 32, Grain, Zeros, By::kWgmma>(ctx, call, x_map);
    case 48: return launch_w4a16<T, 48, Grain, Zeros, By::kWgmma>(ctx, call, x_map);
    default: return launch_w4a16<T, 64, Grain, Zeros, By::kWgmma>(ctx, call, x_map);
  }
}

template <class T, int Zeros>
int32_t w4a16_by_grain(smq_context* ctx, const StreamCall& call, int grain, const CUtensorMap& x_map) {
  if constexpr (Zeros == SMQ_ZEROS_OFFSETS) {
    return w4a16_by_rows<T, 32, Zeros>(ctx, call, x_map);
  } else {
    switch (grain) {
      case 32: return w4a16_by_rows<T, 32, Zeros>(ctx, call, x_map);
      case 64: return w4a16_by_rows<T, 64, Zeros>(ctx, call, x_map);
      default: return w4a16_by_rows<T, 128, Zeros>(ctx, call, x_map);
    }
  }
}

template <int Zeros>
int32_t w4a16_on_hopper(smq_context* ctx, const StreamCall& call, int grain, int dtype) {
  CUtensorMap x_map;
  if (!map_rows(&x_map, call.x, call.m, call.k, row_bucket(call.m))) {
    return fail(SMQ_DEVICE, "the driver refused to describe x to the copy engine");
  }
  return dtype == SMQ_F16 ? w4a16_by_grain<__half, Zeros>(ctx, call, grain, x_map)
                          : w4a16_by_grain<__nv_bfloat16, Zeros>(ctx, call, grain, x_map);
}

}  // namespace smq

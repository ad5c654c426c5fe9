// Weights in units on Hopper: two threads copy units and the rows' inputs into a ring of shared memory
// (stream_ring.cuh), groups of four warps multiply them by mma.sync. A block has a multiprocessor nearly to itself;
// what it leaves is for the small kernels before and behind it.
#pragma once

#include <type_traits>

#include "gemm/stream_ring.cuh"
#include "gemm/units_call.cuh"

namespace smq {

template <class P, int N>
struct UnitsHopper {
  static constexpr int kRows = N * units::kBlock * P::kInput;
  static constexpr int kGroups = N <= 32 ? 2 : 4;  // sums of two operands take too many registers beyond
  static constexpr int kConsumers = kGroups * kGroupThreads;
  // With four groups the sums take registers that the copying warps give up; only whole groups of warps can.
  static constexpr bool kTrades = kGroups == 4;
  static constexpr int kThreads = kConsumers + (kTrades ? kGroupThreads : 64);
  using R = Ring<stages_for(kRows, P::kUnit), kRows, P::kUnit>;
};

template <class P, int N>
__global__ void __launch_bounds__(UnitsHopper<P, N>::kThreads, 1)
    units_hopper(const __grid_constant__ CUtensorMap x_map, const UnitsCall call) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using U = UnitsHopper<P, N>;
  using R = typename U::R;
  using S = Share<U::kGroups>;
  extern __shared__ __align__(1024) uint8_t shared[];
  const R ring{ptx::shared_address(shared)};
  if (threadIdx.x == 0) ring.init(U::kConsumers);
  __syncthreads();
  let_next_start();
  const Split& split = call.stream.split;
  const int begin = split.begin(blockIdx.x), end = split.begin(blockIdx.x + 1);

  if (threadIdx.x >= U::kConsumers) {
    if constexpr (U::kTrades) asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
    if (threadIdx.x == U::kConsumers) {
      const uint64_t policy = ptx::read_once();
      const uint8_t* w = static_cast<const uint8_t*>(call.stream.w) + int64_t(begin) * R::kUnit;
      feed_weights(ring, end - begin, call.stream.pace, [&](int stage, int step) {
        ptx::bulk_copy(ring.unit(stage), w + int64_t(step) * R::kUnit, R::kUnit, ring.weights_in(stage), policy);
      });
    } else if (threadIdx.x == U::kConsumers + 32) {
      int block = begin % split.blocks;
      feed_rows(ring, end - begin, [&](int stage, int) {
        // The map counts in halves, also where inputs are bytes.
#pragma unroll
        for (int box = 0; box < P::kInput; ++box) {
          ptx::box_copy(ring.rows(stage) + box * N * 128, &x_map, (block * P::kInput + box) * 64, 0,
                        ring.rows_in(stage));
        }
        if (++block == split.blocks) block = 0;
      });
    }
    return;
  }

  if constexpr (U::kTrades) asm volatile("setmaxnreg.inc.sync.aligned.u32 112;");
  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads;
  prefetch_scales(call, begin, end);
  Way way = way_of<P>(call, begin / split.blocks, S::half(group), thread);
  wait_for_previous();
  Cursor<R::kStages> at;
  for (int unit = begin; unit < end;) {
    const int rest = split.blocks - unit % split.blocks;
    const int stop = unit + rest < end ? unit + rest : end;
    typename P::Sum sums[S::kOperands][N / 2] = {};
    const auto add_units = [&](auto by) {
#pragma unroll 1
      for (int i = unit; i < stop; ++i) {
        ring.wait_full(at.stage, at.parity);
        if (i != begin) ring.release_before(at.stage);
        add_unit<P, N, S::kOperands, decltype(by)::value>(sums, shared + (ring.unit(at.stage) - ring.base),
                                                          ring.rows(at.stage), S::half(group), S::first(group),
                                                          thread);
        at.next();
      }
    };
    if constexpr (WeightsOf<P, Way::kClamped>::kHasWays) {
      if (way == Way::kWhole) {
        add_units(std::integral_constant<Way, Way::kWhole>());
      } else if (way == Way::kRounded) {
        add_units(std::integral_constant<Way, Way::kRounded>());
      } else {
        add_units(std::integral_constant<Way, Way::kClamped>());
      }
      if (stop < end) way = way_of<P>(call, stop / split.blocks, S::half(group), thread);
    } else {
      add_units(std::integral_constant<Way, Way::kClamped>());
    }
    end_units<P, N, U::kGroups>(call, unit, stop, group, thread, sums);
    unit = stop;
  }
#endif
}

}  // namespace smq

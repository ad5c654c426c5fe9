// Weights in units on Hopper: one warp copies units and the rows' inputs into a ring of shared memory, groups of
// four warps multiply them by mma.sync. A block has a multiprocessor nearly to itself; what it leaves is for the
// small kernels before and behind it.
#pragma once

#include "gemm/units_call.cuh"
#include "gemm/stream_ring.cuh"

namespace smq {

template <class P, int N>
struct UnitsHopper {
  static constexpr int kRows = N * units::kBlock * P::kInput;
  static constexpr int kGroups = N <= 32 ? 2 : 4;  // sums of two operands take too many registers beyond
  static constexpr int kConsumers = kGroups * kGroupThreads;
  // With four groups the sums take registers that the copying warps give up; only whole groups of warps can.
  static constexpr bool kTrades = kGroups == 4;
  static constexpr int kThreads = kConsumers + (kTrades ? kGroupThreads : 32);
  static constexpr int kRoom = kMostShared - kRingExtra, kStage = kRows + P::kUnit;
  static constexpr int kStages = kRoom / kStage < 12 ? kRoom / kStage : 12;
  static_assert(kStages >= 3, "the ring is too short to hide a copy");
  using R = Ring<kStages, kRows, P::kUnit>;
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
      int block = begin % split.blocks;
      feed(
          ring, end - begin,
          [&](int stage, int step) {
            ptx::bulk_copy(ring.unit(stage), w + int64_t(step) * R::kUnit, R::kUnit, ring.full(stage),
                           policy);
          },
          [&](int stage, int) {
            // The map counts in halves, also where inputs are bytes.
#pragma unroll
            for (int box = 0; box < P::kInput; ++box) {
              ptx::box_copy(ring.rows(stage) + box * N * 128, &x_map, (block * P::kInput + box) * 64, 0,
                            ring.full(stage));
            }
            if (++block == split.blocks) block = 0;
          });
    }
    return;
  }

  if constexpr (U::kTrades) asm volatile("setmaxnreg.inc.sync.aligned.u32 112;");
  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads;
  prefetch_scales(call, begin, end);
  wait_for_previous();
  Cursor<R::kStages> at;
  for (int unit = begin; unit < end;) {
    const int rest = split.blocks - unit % split.blocks;
    const int stop = unit + rest < end ? unit + rest : end;
    typename P::Sum sums[S::kOperands][N / 2] = {};
#pragma unroll 1
    for (int i = unit; i < stop; ++i) {
      ptx::barrier_wait(ring.full(at.stage), at.parity);
      add_unit<P, N>(sums, shared + (ring.unit(at.stage) - ring.base), ring.rows(at.stage), S::half(group),
                     S::first(group), thread);
      __syncwarp();
      if (thread % 32 == 0) ptx::barrier_arrive(ring.empty(at.stage));
      at.next();
    }
    end_units<P, N, U::kGroups>(call, unit, stop, group, thread, sums);
    unit = stop;
  }
#endif
}

}  // namespace smq

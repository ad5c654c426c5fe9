// Four-bit weights on Hopper: two threads copy units of weights and the rows' inputs into a ring of shared
// memory (stream_ring.cuh), groups of four warps unpack weights into registers and multiply them. Few rows are bound
// by latency, which mma.sync has less of; many rows by the tensor cores, which wgmma keeps busier and
// which needs no copy of the rows' operands in registers. Both give the same bits.
#pragma once

#include "gemm/split.cuh"
#include "gemm/stream_ring.cuh"
#include "gemm/w4a16_integers.cuh"
#include "gemm/w4a16_mma.cuh"
#include "gemm/w4a16_offsets.cuh"
#include "gemm/w4a16_sums.cuh"
#include "gemm/w4a16_wgmma.cuh"

namespace smq {

template <class T, int N, int Grain, int Zeros>
struct W4Hopper {
  static constexpr int kUnit = w4a16::unit_bytes(Grain, Zeros);
  static constexpr int kRows = N * w4a16::kBlock * 2;
  static constexpr bool kMma = N <= 16;
  static constexpr int kGroups = kMma ? 2 : 4;
  static constexpr int kOperands = 4 / kGroups;
  static constexpr Order kOrder = kMma ? Order::kFours : Order::kPairs;
  static constexpr int kConsumers = kGroups * kGroupThreads;
  // For wgmma the sums take registers that the copying warps give up, and only whole groups of warps
  // can.
  static constexpr bool kTrades = !kMma;
  // Sums of the rows' inputs: a warp computes them, or they are copied.
  static constexpr bool kIntegers = integers::kServes<T, Grain, Zeros>;
  static constexpr bool kComputesSums = kIntegers && N <= kComputedSums, kCopiesSums = kIntegers && !kComputesSums;
  static constexpr int kSums = kIntegers ? N * int(sizeof(float)) : 0;
  static constexpr int kThreads = kConsumers + (kTrades ? kGroupThreads : kComputesSums ? 96 : 64);
  static constexpr int kStages = stages_for(kRows + kSums + (kComputesSums ? kSumsBarrier : 0), kUnit,
                                            N <= 8 ? kFewShared : kMostShared);
  using R = Ring<kStages, kRows, kUnit, kSums, kComputesSums>;
  // A bound for registers: 96 for each of 640 threads, which leaves room for small kernels (parts.cuh).
  static constexpr int kBound = kIntegers ? 640 : kThreads;
};

template <class T, int N, int Grain, int Zeros>
__global__ void __launch_bounds__(W4Hopper<T, N, Grain, Zeros>::kBound, 1)
    w4a16_hopper(const __grid_constant__ CUtensorMap x_map, const StreamCall call) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using W = W4Hopper<T, N, Grain, Zeros>;
  using R = typename W::R;
  extern __shared__ __align__(1024) uint8_t shared[];
  uint32_t base = ptx::shared_address(shared);
  if constexpr (W::kIntegers) asm volatile("" : "+r"(base));  // otherwise it is computed again for each unit
  const R ring{base};
  if (threadIdx.x == 0) ring.init(W::kConsumers);
  __syncthreads();
  let_next_start();
  const Split& split = call.split;
  const int worker = blockIdx.x;
  const int begin = split.begin(worker), end = split.begin(worker + 1);

  if (threadIdx.x >= W::kConsumers) {
    if constexpr (W::kTrades) asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
    if (threadIdx.x == W::kConsumers) {
      const uint64_t policy = ptx::read_once();
      const uint8_t* w = static_cast<const uint8_t*>(call.w) + int64_t(begin) * R::kUnit;
      feed_weights(ring, end - begin, call.pace, [&](int stage, int step) {
        ptx::bulk_copy(ring.unit(stage), w + int64_t(step) * R::kUnit, R::kUnit, ring.weights_in(stage), policy);
      });
    } else if (threadIdx.x == W::kConsumers + 32) {
      int block = begin % split.blocks;
      feed_rows(ring, end - begin, [&](int stage, int) {
        const int k = block * w4a16::kBlock;
        ptx::box_copy(ring.rows(stage), &x_map, k, 0, ring.rows_in(stage));
        ptx::box_copy(ring.rows(stage) + N * 128, &x_map, k + 64, 0, ring.rows_in(stage));
        if constexpr (W::kCopiesSums) {
          ptx::bulk_copy(ring.sums(stage), call.sums + block * kSumRows, W::kSums, ring.rows_in(stage));
        }
        if (++block == split.blocks) block = 0;
      });
    } else if constexpr (W::kComputesSums) {
      if (threadIdx.x >= W::kConsumers + 64) integers::feed_sums(ring, end - begin);
    }
    return;
  }

  if constexpr (W::kTrades) asm volatile("setmaxnreg.inc.sync.aligned.u32 112;");
  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads;
  integers::Places places{};
  if constexpr (W::kIntegers) places = integers::Places::of<W::kOperands>(group, thread);
  wait_for_previous();
  Cursor<R::kStages> at;
  // Of the integers' functions: whether the next stage is full, as was seen while a unit was multiplied, and where the
  // stage before is given back, by the lane for which `hold` is 0.
  bool full = false;
  uint32_t before = 0, hold = ~0u;
  [[maybe_unused]] integers::ByWgmma<N, Zeros> by_wgmma;
  if constexpr (W::kIntegers && !W::kMma) {
    ring.wait_full(at.stage, at.parity);
    by_wgmma.begin(places, ring.unit(at.stage));
  }
  for (int unit = begin; unit < end;) {
    const int rest = split.blocks - unit % split.blocks;
    const int stop = unit + rest < end ? unit + rest : end;
    float totals[W::kOperands][N / 2] = {};
#pragma unroll 1
    for (int i = unit; i < stop; ++i) {
      if (!W::kIntegers || (W::kMma && !full)) ring.wait_full(at.stage, at.parity);
      if (!W::kIntegers && i != begin) ring.release_before(at.stage);
      auto next = at;
      next.next();
      bool summed = false;
      const auto early = [&] {
        __syncwarp();
        ptx::barrier_arrive_unless(hold, before);
        before = ring.empty(at.stage), hold = thread % 32;
        full = ring.is_full(next.stage, next.parity);
        if constexpr (W::kComputesSums) summed = ptx::barrier_test(ring.sums_in(at.stage), at.parity);
      };
      const auto late = [&] {
        if (W::kComputesSums && !summed) ptx::barrier_wait(ring.sums_in(at.stage), at.parity);
      };
      if constexpr (W::kIntegers && W::kMma) {
        integers::add_unit_mma<N, Zeros>(totals, places, ring.unit(at.stage), ring.rows(at.stage),
                                         ring.sums(at.stage), early, late);
      } else if constexpr (W::kIntegers) {
        by_wgmma.add_unit(totals, places, ring.unit(at.stage), ring.rows(at.stage), ring.sums(at.stage), early, [&] {
          if (i + 1 == end) return ring.unit(at.stage);
          if (!full) ring.wait_full(next.stage, next.parity);
          return ring.unit(next.stage);
        });
      } else if constexpr (W::kMma && Zeros == SMQ_ZEROS_OFFSETS) {
        add_unit_mma_offsets<T, N, Grain>(totals, shared + (ring.unit(at.stage) - ring.base),
                                          ring.rows(at.stage), group, thread);
      } else if constexpr (W::kMma) {
        add_unit_mma<T, N, Grain, Zeros>(totals, shared + (ring.unit(at.stage) - ring.base),
                                         ring.rows(at.stage), group, thread);
      } else if constexpr (Zeros == SMQ_ZEROS_OFFSETS) {
        add_unit_wgmma_offsets<T, N, Grain>(totals, ring.unit(at.stage), ring.rows(at.stage), group,
                                            thread);
      } else {
        add_unit_wgmma<T, N, Grain, Zeros>(totals, ring.unit(at.stage), ring.rows(at.stage), group,
                                           thread);
      }
      at = next;
    }
    if constexpr (W::kIntegers) integers::end_totals(totals);
    end_tile<T, N, W::kOrder, W::kGroups>(call, worker, unit, stop, group, thread, totals);
    unit = stop;
  }
#endif
}

}  // namespace smq

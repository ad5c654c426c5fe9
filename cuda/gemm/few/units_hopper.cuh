// Weights in units on Hopper: two threads copy units and the rows' inputs into a ring of shared memory
// (stream_ring.cuh), groups of four warps multiply them by mma.sync, or where rows are read as they lie and are more
// than 16, by wgmma, with the same bits. A block has a multiprocessor nearly to itself;
// what it leaves is for the small kernels before and behind it.
#pragma once

#include <type_traits>

#include "gemm/stream/ring_reader.cuh"
#include "gemm/stream/units_call.cuh"
#include "gemm/wgmma.cuh"

namespace smq {

template <class P, int N>
struct UnitsHopper {
  static constexpr int kRows = N * units::kBlock * P::kInput;
  static constexpr bool kWgmma = P::kNatural && N > 16;
  static constexpr int kGroups = N <= 32 && !kWgmma ? 2 : 4;  // sums of two operands take too many registers beyond
  static constexpr int kConsumers = kGroups * kGroupThreads;
  // With four groups the sums take registers that the copying warps give up; only whole groups of warps can.
  static constexpr bool kTrades = kGroups == 4;
  static constexpr int kFeeders = N <= 16 ? 4 * N : 0;  // threads that bring the first stage's rows
  static constexpr int kThreads = kConsumers + (kTrades ? kGroupThreads : 64 + kFeeders);
  // Without this kilobyte the widest has three stages, too few to hide a copy.
  using R = Ring<stages_for(kRows, P::kUnit, kMostShared + (kWgmma ? 1024 : 0)), kRows, P::kUnit>;
};

// sums += the product of one operand of half a unit's outputs and all rows, by wgmma. While the tensor cores work on
// one half of the inputs, the other is unpacked.
template <class P, int N>
__device__ __forceinline__ void add_unit_wgmma(float (&sums)[1][N / 2], const uint8_t* unit, uint32_t rows,
                                               int half, int operand, int thread) {
  const typename P::Weights weights(unit, half, thread);
  uint32_t a[2][2][2][4];
#pragma unroll
  for (int h = 0; h < 2; ++h) {
#pragma unroll
    for (int s = 0; s < 2; ++s) weights(a[h][s], operand, h * 2 + s);
    const uint64_t tile = wgmma::describe(rows + h * (N * 128));
    wgmma::fence();
#pragma unroll
    for (int step = 0; step < 4; ++step) {
      wgmma::multiply_registers(sums[0], a[h][step / 2][step % 2], tile + step * wgmma::kStep, 1, typename P::T());
    }
    wgmma::commit();
  }
  wgmma::wait<0>();
  wgmma::settle(sums[0]);
}

template <class P, int N>
__global__ void __launch_bounds__(UnitsHopper<P, N>::kThreads, 1)
    units_hopper(const __grid_constant__ CUtensorMap x_map, const UnitsCall call) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using U = UnitsHopper<P, N>;
  using R = typename U::R;
  using S = Share<U::kGroups>;
  extern __shared__ __align__(1024) uint8_t shared[];
  const R ring{ptx::shared_address(shared)};
  const Split& split = call.stream.split;
  const int begin = split.begin(blockIdx.x), end = split.begin(blockIdx.x + 1);
  const uint8_t* const w = static_cast<const uint8_t*>(call.stream.w) + int64_t(begin) * R::kUnit;
  const uint64_t policy = ptx::read_once();
  const auto copy_weights = [&](int stage, int step) {
    ptx::bulk_copy(ring.unit(stage), w + int64_t(step) * R::kUnit, R::kUnit, ring.weights_in(stage), policy);
  };
  if (threadIdx.x == U::kConsumers) begin_ring<U::kFeeders>(ring, U::kConsumers, end - begin, copy_weights);
  __syncthreads();
  let_next_start();

  if (threadIdx.x >= U::kConsumers) {
    if constexpr (U::kTrades) asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
    if (threadIdx.x == U::kConsumers) {
      feed_weights(ring, end - begin, call.stream.pace, copy_weights);
    } else if (threadIdx.x == U::kConsumers + 32) {
      int block = split.block_of(begin + (U::kFeeders > 0));
      ptx::known_here(block);
      feed_rows<U::kFeeders>(ring, &x_map, end - begin, [&](int stage, int) {
        // The map counts in halves, also where inputs are bytes.
#pragma unroll
        for (int box = 0; box < P::kInput; ++box) {
          ptx::box_copy(ring.rows(stage) + box * N * 128, &x_map, (block * P::kInput + box) * 64, 0,
                        ring.rows_in(stage));
        }
        if (++block == split.blocks) block = 0;
      });
    } else if (U::kFeeders > 0 && threadIdx.x >= U::kConsumers + 64 && begin < end) {
      constexpr int kRow = R::kRows / N;
      feed_first_rows<N>(ring, (threadIdx.x - U::kConsumers) / 32 - 2, call.stream.x, call.stream.m,
                         call.stream.k * P::kInput, split.block_of(begin) * kRow);
    }
    return;
  }

  if constexpr (U::kTrades) asm volatile("setmaxnreg.inc.sync.aligned.u32 112;");
  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads;
  prefetch_scales(call, begin, end);
  Way way = way_of<P>(call, split.tile_of(begin), S::half(group), thread);
  int block = split.block_of(begin);  // of the next unit
  ptx::known_here(block);
  wait_for_previous();
  Reader<R> at(ring);
  for (int unit = begin; unit < end;) {
    const int rest = split.blocks - block;
    const int stop = unit + rest < end ? unit + rest : end;
    block = 0;
    typename P::Sum sums[S::kOperands][N / 2] = {};
    const auto add_units = [&](auto by) {
#pragma unroll 1
      for (int i = unit; i < stop; ++i) {
        at.wait();
        const uint8_t* const weights = shared + (at.unit - ring.base);
        if constexpr (U::kWgmma) {
          add_unit_wgmma<P, N>(sums, weights, at.rows, S::half(group), S::first(group), thread);
        } else {
          add_unit<P, N, S::kOperands, decltype(by)::value>(sums, weights, at.rows, S::half(group), S::first(group),
                                                            thread, [&] {
                                                              if constexpr (!U::kTrades) at.ask();  // no registers left
                                                            });
        }
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
      if (stop < end) way = way_of<P>(call, split.tile_of(stop), S::half(group), thread);
    } else {
      add_units(std::integral_constant<Way, Way::kClamped>());
    }
    end_units<P, N, U::kGroups>(call, unit, stop, group, thread, sums);
    unit = stop;
  }
#endif
}

}  // namespace smq

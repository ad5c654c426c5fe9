// Weights of the activations' dtype on Hopper: the copy engine brings boxes of 128 outputs x 64 inputs
// and the rows' inputs into a ring of shared memory; two groups of four warps multiply them there by
// wgmma, 64 outputs each. Sums run over all inputs of a block's share in order.
#pragma once

#include "gemm/stream/split.cuh"
#include "gemm/stream/stream_ring.cuh"
#include "gemm/wgmma.cuh"

namespace smq {

constexpr int kF16Consumers = kGroups * kGroupThreads;
template <int N>
struct F16Hopper {
  static constexpr int kUnit = kF16Tile * kF16Block * 2;
  static constexpr int kRows = N * kF16Block * 2;
  static constexpr int kFeeders = N <= 16 ? 4 * N : 0;  // threads that bring the first stage's rows
  static constexpr int kThreads = kF16Consumers + 64 + kFeeders;
  using R = Ring<stages_for(kRows, kUnit, N <= 16 ? kFewShared : kMostShared), kRows, kUnit>;
};

template <class T, int N>
__global__ void __launch_bounds__(F16Hopper<N>::kThreads, 1)
    f16_hopper(const __grid_constant__ CUtensorMap x_map, const __grid_constant__ CUtensorMap w_map,
               const StreamCall call) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using F = F16Hopper<N>;
  using R = typename F::R;
  extern __shared__ __align__(1024) uint8_t shared[];
  const R ring{ptx::shared_address(shared)};
  const Split& split = call.split;
  const int worker = blockIdx.x;
  const int begin = split.begin(worker), end = split.begin(worker + 1);
  const uint64_t policy = ptx::read_once();
  int tile = split.tile_of(begin), of_tile = split.block_of(begin);  // of the next copy
  const auto copy_weights = [&](int stage, int) {
    ptx::box_copy(ring.unit(stage), &w_map, of_tile * kF16Block, tile * kF16Tile, ring.weights_in(stage), policy);
    if (++of_tile == split.blocks) of_tile = 0, ++tile;
  };
  if (threadIdx.x == kF16Consumers) begin_ring<F::kFeeders>(ring, kF16Consumers, end - begin, copy_weights);
  __syncthreads();
  let_next_start();

  if (threadIdx.x >= kF16Consumers) {
    if (threadIdx.x == kF16Consumers) {
      feed_weights(ring, end - begin, call.pace, copy_weights);
    } else if (threadIdx.x == kF16Consumers + 32) {
      int block = split.block_of(begin + (F::kFeeders > 0));
      ptx::known_here(block);
      feed_rows<F::kFeeders>(ring, &x_map, end - begin, [&](int stage, int) {
        ptx::box_copy(ring.rows(stage), &x_map, block * kF16Block, 0, ring.rows_in(stage));
        if (++block == split.blocks) block = 0;
      });
    } else if (F::kFeeders > 0 && threadIdx.x >= kF16Consumers + 64 && begin < end) {
      feed_first_rows<N, true>(ring, (threadIdx.x - kF16Consumers) / 32 - 2, call.x, call.m, call.k * 2,
                               split.block_of(begin) * (kF16Block * 2));
    }
    return;
  }

  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads;
  int block = split.block_of(begin);  // of the next unit
  ptx::known_here(block);
  wait_for_previous();
  Cursor<R::kStages> at;
  for (int unit = begin; unit < end;) {
    const int rest = split.blocks - block;
    const int stop = unit + rest < end ? unit + rest : end;
    block = 0;
    float sums[1][N / 2];
    int held = -1;  // the stage that the last step still reads
#pragma unroll 1
    for (int i = unit; i < stop; ++i) {
      ring.wait_full(at.stage, at.parity);
      const uint64_t a = wgmma::describe(ring.unit(at.stage) + group * 64 * 128);
      const uint64_t b = wgmma::describe(ring.rows(at.stage));
      wgmma::fence();
#pragma unroll
      for (int step = 0; step < kF16Block / 16; ++step) {
        wgmma::multiply_shared(sums[0], a + step * wgmma::kStep, b + step * wgmma::kStep,
                               i != unit || step != 0, T());
      }
      wgmma::commit();
      if (held >= 0) {
        wgmma::wait<1>();
        if (thread % 32 == 0) ptx::barrier_arrive(ring.empty(held));
      }
      held = at.stage;
      at.next();
    }
    wgmma::wait<0>();
    wgmma::settle(sums[0]);
    if (thread % 32 == 0) ptx::barrier_arrive(ring.empty(held));
    end_tile<T, N, Order::kNatural, kGroups>(call, worker, unit, stop, group, thread, sums);
    unit = stop;
  }
#endif
}

}  // namespace smq

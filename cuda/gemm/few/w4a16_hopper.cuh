// Four-bit weights on Hopper: two threads copy units of weights and the rows' inputs into a ring of shared
// memory (stream_ring.cuh), groups of four warps unpack weights into registers and multiply them. Few rows are bound
// by latency, which mma.sync has less of; many rows by the tensor cores, which wgmma keeps busier and
// which needs no copy of the rows' operands in registers. Both give the same bits.
#pragma once

#include <type_traits>

#include "gemm/few/w4a16_first.cuh"
#include "gemm/stream/ring_reader.cuh"
#include "gemm/stream/split.cuh"
#include "gemm/weights/w4a16_mma.cuh"
#include "gemm/weights/w4a16_offsets.cuh"
#include "gemm/weights/w4a16_wgmma.cuh"

namespace smq {

// What multiplies: mma.sync, or wgmma, which has all registers or leaves some to the small kernels before and behind
// (registers_beside). That begins a product sooner, and takes longer for a unit of 32 rows, whose multiplications then wait
// for one another.
enum class By { kMma, kLeanWgmma, kWgmma };

template <int N, int Grain, int Zeros, By Kind>
struct W4Hopper {
  static constexpr int kUnit = w4a16::unit_bytes(Grain, Zeros);
  static constexpr int kRows = N * w4a16::kBlock * 2;
  static constexpr bool kMma = Kind == By::kMma;
  static constexpr int kGroups = kMma ? 2 : 4;
  static constexpr int kOperands = 4 / kGroups;
  static constexpr Order kOrder = kMma ? Order::kFours : Order::kPairs;
  static constexpr int kConsumers = kGroups * kGroupThreads;
  // The sums, and the first unit's weights, take registers that the copying warps give up, and only whole groups of warps can.
  static constexpr int kThreads = kConsumers + kGroupThreads;
  static constexpr bool kLean = Kind == By::kLeanWgmma;
  // What __launch_bounds__ is told: a block has 96 registers a thread, or 64, and what the copying warps leave of them goes
  // to the computing ones.
  static constexpr int kMostThreads = kLean ? 1024 : 640;
  static constexpr int kCopyRegisters = kMma ? 32 : 24, kComputeRegisters = kMma ? 128 : kLean ? 72 : 112;
  static constexpr int kFeeders = kMma ? 4 * N : 0;  // threads that bring the first stage's rows
  static constexpr int kRoom = N <= 8 ? kEightShared : N <= 16 ? kFewShared : kMostShared;
  using R = Ring<stages_for(kRows, kUnit, kRoom), kRows, kUnit>;
};

template <class T, int N, int Grain, int Zeros, By Kind>
__global__ void __launch_bounds__(W4Hopper<N, Grain, Zeros, Kind>::kMostThreads, 1)
    w4a16_hopper(const __grid_constant__ CUtensorMap x_map, const StreamCall call) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using W = W4Hopper<N, Grain, Zeros, Kind>;
  using R = typename W::R;
  extern __shared__ __align__(1024) uint8_t shared[];
  const R ring{ptx::shared_address(shared)};
  const Split& split = call.split;
  const int worker = blockIdx.x;
  const int begin = split.begin(worker), end = split.begin(worker + 1);
  const uint8_t* const w = static_cast<const uint8_t*>(call.w) + int64_t(begin) * R::kUnit;
  const uint64_t policy = ptx::read_once();
  const auto copy_weights = [&](int stage, int step) {
    ptx::bulk_copy(ring.unit(stage), w + int64_t(step) * R::kUnit, R::kUnit, ring.weights_in(stage), policy);
  };
  if (threadIdx.x == W::kConsumers) begin_ring<W::kFeeders>(ring, W::kConsumers, end - begin, copy_weights);
  __syncthreads();
  let_next_start();

  if (threadIdx.x >= W::kConsumers) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(W::kCopyRegisters));
    const int warp = int(threadIdx.x) / 32 - W::kConsumers / 32;
    if (threadIdx.x == W::kConsumers) {
      feed_weights(ring, end - begin, call.pace, copy_weights);
    } else if (threadIdx.x == W::kConsumers + 32) {
      int block = split.block_of(begin + W::kMma);
      ptx::known_here(block);
      if (!W::kMma) touch_late<R::kUnit>(split, worker, call.w);
      feed_rows<W::kFeeders>(ring, &x_map, end - begin, [&](int stage, int) {
        const int k = block * w4a16::kBlock;
        ptx::box_copy(ring.rows(stage), &x_map, k, 0, ring.rows_in(stage));
        ptx::box_copy(ring.rows(stage) + N * 128, &x_map, k + 64, 0, ring.rows_in(stage));
        if (++block == split.blocks) block = 0;
      });
    } else if (warp >= 2 && warp < 2 + W::kFeeders / 32 && begin < end) {
      feed_first_rows<N>(ring, warp - 2, call.x, call.m, call.k * 2, split.block_of(begin) * (w4a16::kBlock * 2));
    }
    return;
  }

  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(W::kComputeRegisters));
  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads;
  int mine = worker;  // so that what the copying warps need takes no registers here
  ptx::known_here(mine);
  const int from = split.begin(mine), last = split.begin(mine + 1);
  int tile_end = (split.tile_of(from) + 1) * split.blocks;  // of the next unit's tile
  ptx::known_here(tile_end);
  Reader<R, !W::kMma> at(ring);
  const WgmmaPlaces places(group, thread, Grain);
  [[maybe_unused]] std::conditional_t<W::kMma, FirstUnit<T, N, Grain, Zeros>, int> first;
  if constexpr (W::kMma) {
    if (from < last) {
      ptx::barrier_wait(ring.weights_in(0), 0);
      first.unpack(shared + (at.unit - ring.base), group, thread);
    }
  }
  wait_for_previous();
  for (int unit = from; unit < last;) {
    const int stop = tile_end < last ? tile_end : last;
    float totals[W::kOperands][N / 2] = {};
    // Counted up to nothing where registers are few, or the compiler works out `stop` in each turn.
    const int bound = W::kMma ? 0 : stop;
    int i = unit - stop + bound;
    if constexpr (W::kMma) {
      if (unit == from) {
        at.wait();
        first.add(totals, at.rows, [&] { at.ask(); });
        at.next();
        ++i;
      }
    }
#pragma unroll 1
    for (; i < bound; ++i) {
      at.wait();
      const uint8_t* const weights = shared + (at.unit - ring.base);
      if constexpr (W::kMma && Zeros == SMQ_ZEROS_OFFSETS) {
        add_unit_mma_offsets<T, N, Grain>(totals, weights, at.rows, group, thread, [&] { at.ask(); });
      } else if constexpr (W::kMma) {
        add_unit_mma<T, N, Grain, Zeros>(totals, weights, at.rows, group, thread, [&] { at.ask(); });
      } else if constexpr (Zeros == SMQ_ZEROS_OFFSETS) {
        add_unit_wgmma_offsets<T, N, Grain>(totals, at.unit, at.rows, group, thread);
      } else {
        add_unit_wgmma<T, N, Grain, Zeros>(totals, at.unit, at.rows, places);
      }
      at.next();
    }
    end_tile<T, N, W::kOrder, W::kGroups>(call, worker, unit, stop, group, thread, totals);
    unit = stop;
    tile_end += split.blocks;
  }
#endif
}

}  // namespace smq

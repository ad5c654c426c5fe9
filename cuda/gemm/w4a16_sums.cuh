// Sums of the rows' inputs of a unit, for products of integers as they are (w4a16_integers.cuh) of up to eight rows: a
// warp of its own reads the rows of a stage of the ring (stream_ring.cuh) and writes the sums behind them, by the order
// of input_sums.cuh.
#pragma once

#include "gemm/input_sums.cuh"
#include "gemm/rows_operand.cuh"
#include "gemm/stream_ring.cuh"
#include "gemm/w4a16_wgmma.cuh"

namespace smq {
namespace integers {

// The whole work of a warp that adds up rows' inputs, `count` steps. Not by tensor cores, which are busy. Lane
// 4 row + part has 32 inputs.
template <class R>
__device__ __forceinline__ void feed_sums(const R& ring, int count) {
  const int lane = threadIdx.x % 32, row = lane / 4, part = lane % 4;
  // Of its first vector; the parts of the second tile begin with another one, which lies in other banks. The others
  // are this one's neighbours in the swizzle.
  const uint32_t first = part / 2 * 1024 + swizzled(row, part % 2 * 4 + part / 2 * 2);
  Cursor<R::kStages> at;
#pragma unroll 1
  for (int step = 0; step < count; ++step) {
    ptx::barrier_wait(ring.rows_in(at.stage), at.parity);
    float sums[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const uint4 inputs = load_shared16((ring.rows(at.stage) + first) ^ (i * 16));
      sums[i] = sum_neighbours(reinterpret_cast<const Pack<__half, 8>&>(inputs));
    }
    float sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    sum += __shfl_xor_sync(~0u, sum, 1);
    sum += __shfl_xor_sync(~0u, sum, 2);
    if (part == 0) {
      asm volatile("st.shared.f32 [%0], %1;" ::"r"(ring.sums(at.stage) + row * 4), "f"(sum) : "memory");
    }
    __syncwarp();
    if (lane == 0) ptx::barrier_arrive(ring.sums_in(at.stage));
    at.next();
  }
}

}  // namespace integers
}  // namespace smq

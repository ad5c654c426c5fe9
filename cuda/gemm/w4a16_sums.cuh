// Sums of the rows' inputs of a unit, by groups, for products of integers as they are (w4a16_integers.cuh): warps of
// their own read the rows of a stage of the ring (stream_ring.cuh) and write the sums behind them.
#pragma once

#include "gemm/rows_operand.cuh"
#include "gemm/stream_ring.cuh"
#include "gemm/w4a16_wgmma.cuh"

namespace smq {
namespace integers {

// Bytes of a stage's sums: f32 [grains of a unit][N].
template <int N, int Grain>
constexpr int kSumsBytes = w4a16::kBlock / Grain * N * 4;

// The sum of eight inputs.
__device__ __forceinline__ float sum_eight(const uint4& inputs) {
  const auto two = [](uint32_t pair) {
    const float2 v = __half22float2(reinterpret_cast<const __half2&>(pair));
    return v.x + v.y;
  };
  return (two(inputs.x) + two(inputs.y)) + (two(inputs.z) + two(inputs.w));
}

// The whole work of a warp that adds up rows' inputs, `count` steps; `warp` of `warps`, which take turns at chunks of 8
// rows. Not by tensor cores, which are busy. Lane 4 row + part has 32 inputs.
template <int N, int Grain, class R>
__device__ __forceinline__ void feed_sums(const R& ring, int count, int warp, int warps) {
  const int lane = threadIdx.x % 32, row = lane / 4, part = lane % 4;
  // Of its first vector; the parts of the second tile begin with another one, which lies in other banks. The others
  // are this one's neighbours in the swizzle.
  const uint32_t first = part / 2 * (N * 128) + warp * 1024 + swizzled(row, part % 2 * 4 + part / 2 * 2);
  const uint32_t place = (part / (Grain / 32) * N + warp * 8 + row) * 4;
  const bool writes = part % (Grain / 32) == 0;
  Cursor<R::kStages> at;
#pragma unroll 1
  for (int step = 0; step < count; ++step) {
    ptx::barrier_wait(ring.rows_in(at.stage), at.parity);
    uint32_t from = ring.rows(at.stage) + first, to = ring.sums(at.stage) + place;
#pragma unroll 1
    for (int c = warp; c < N / 8; c += warps) {
      asm volatile("" : "+r"(from));  // otherwise four addresses are kept, and registers are few
      uint4 inputs[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) inputs[i] = load_shared16(from ^ (i * 16));
      float sum = (sum_eight(inputs[0]) + sum_eight(inputs[1])) + (sum_eight(inputs[2]) + sum_eight(inputs[3]));
      if (Grain >= 64) sum += __shfl_xor_sync(~0u, sum, 1);
      if (Grain >= 128) sum += __shfl_xor_sync(~0u, sum, 2);
      if (writes) asm volatile("st.shared.f32 [%0], %1;" ::"r"(to), "f"(sum) : "memory");
      from += warps * 1024, to += warps * 32;
    }
    __syncwarp();
    if (lane == 0) ptx::barrier_arrive(ring.sums_in(at.stage));
    at.next();
  }
}

}  // namespace integers
}  // namespace smq

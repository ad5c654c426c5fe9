// The product of four-bit weights by wgmma, where four warps take 128 outputs: both operands of their half of
// a unit, one scale an output. While the tensor cores work on one operand, the other is unpacked, and what
// they gave for the one before is scaled and added. The same bits as add_unit_mma of w4a16_mma.cuh.
#pragma once

#include "gemm/w4a16_held.cuh"
#include "gemm/w4a16_layout.cuh"
#include "gemm/wgmma.cuh"

namespace smq {

template <class T, int N>
struct Pair {
  float parts[2][N / 2] = {};
  uint32_t a[2][8][4] = {};
  uint4 second[2] = {};   // the second operand, packed
  uint2 scales = {}, next_scales = {};

  __device__ __forceinline__ void unpack(int j, const uint4 (&packed)[2]) {
#pragma unroll
    for (int step = 0; step < 8; ++step) {
      const uint4 v = packed[step / 4];
      const uint32_t word = step % 4 == 0 ? v.x : step % 4 == 1 ? v.y : step % 4 == 2 ? v.z : v.w;
      ptx::unpack(a[j][step], word, T());
    }
  }
  // Takes a unit's words and scales from shared memory. unpack_first comes behind it.
  __device__ __forceinline__ void fetch(uint4 (&first)[2], uint32_t unit, int group, int thread) {
    const uint32_t words = unit + (group * 512 + thread) * 16;
    first[0] = load_shared16(words);
    first[1] = load_shared16(words + 2048);
    second[0] = load_shared16(words + 4096);
    second[1] = load_shared16(words + 4096 + 2048);
    next_scales = load_shared8(unit + w4a16::kNibbleBytes +
                               (group * 128 + thread / 32 * 32 + thread % 32 / 4 * 4) * 2);
  }
  __device__ __forceinline__ void multiply(int j, uint32_t rows) {
    const uint64_t first_half = wgmma::describe(rows), second_half = wgmma::describe(rows + N * 128);
    wgmma::fence();
#pragma unroll
    for (int step = 0; step < 8; ++step) {
      const uint64_t b = (step < 4 ? first_half : second_half) + step % 4 * wgmma::kStep;
      wgmma::multiply_registers(parts[j], a[j][step], b, step != 0, T());
    }
    wgmma::commit();
  }
  // Once the tensor cores are done with operand j.
  __device__ __forceinline__ void fold(int j, float (&totals)[2][N / 2]) {
    wgmma::settle(parts[j]);
    const uint32_t pair = j == 0 ? scales.x : scales.y;
    const float2 scale = __half22float2(reinterpret_cast<const __half2&>(pair));
#pragma unroll
    for (int i = 0; i < N / 2; ++i) {
      totals[j][i] = fmaf(parts[j][i], i & 2 ? scale.y : scale.x, totals[j][i]);
    }
  }
};

}  // namespace smq

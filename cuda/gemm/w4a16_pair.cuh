// The product of one unit of four-bit weights by wgmma, where four warps take 128 outputs: both operands
// of their half of the unit, one scale an output. While the tensor cores work on the first operand, the
// second is unpacked. The same bits as add_unit_mma of w4a16_mma.cuh.
#pragma once

#include "gemm/w4a16_layout.cuh"
#include "gemm/w4a16_wgmma.cuh"
#include "gemm/wgmma.cuh"

namespace smq {

template <class T, int N>
__device__ __forceinline__ void add_unit_pair(float (&totals)[2][N / 2], uint32_t unit, uint32_t rows,
                                              int group, int thread) {
  const uint32_t words = unit + (group * 512 + thread) * 16;
  const uint32_t scales =
      unit + w4a16::kNibbleBytes + (group * 128 + thread / 32 * 32 + thread % 32 / 4 * 4) * 2;
  const uint64_t first_half = wgmma::describe(rows), second_half = wgmma::describe(rows + N * 128);
  uint4 packed[2][2];
#pragma unroll
  for (int j = 0; j < 2; ++j) {
    packed[j][0] = load_shared16(words + j * 4096);
    packed[j][1] = load_shared16(words + j * 4096 + 2048);
  }
  const uint32_t pairs[2] = {load_shared4(scales), load_shared4(scales + 4)};
  float parts[2][N / 2] = {};
  uint32_t a[2][8][4];
#pragma unroll
  for (int j = 0; j < 2; ++j) {
#pragma unroll
    for (int step = 0; step < 8; ++step) {
      const uint4 v = packed[j][step / 4];
      const uint32_t word = step % 4 == 0 ? v.x : step % 4 == 1 ? v.y : step % 4 == 2 ? v.z : v.w;
      ptx::unpack(a[j][step], word, T());
    }
    wgmma::fence();
#pragma unroll
    for (int step = 0; step < 8; ++step) {
      const uint64_t b = (step < 4 ? first_half : second_half) + step % 4 * wgmma::kStep;
      wgmma::multiply_registers(parts[j], a[j][step], b, step != 0, T());
    }
    wgmma::commit();
  }
  const auto fold = [&](int j) {
    wgmma::settle(parts[j]);
    const float2 scale = __half22float2(*reinterpret_cast<const __half2*>(&pairs[j]));
#pragma unroll
    for (int i = 0; i < N / 2; ++i) {
      totals[j][i] = fmaf(parts[j][i], i & 2 ? scale.y : scale.x, totals[j][i]);
    }
  };
  wgmma::wait<1>();
  fold(0);
  wgmma::wait<0>();
  fold(1);
}

}  // namespace smq

// The product of four-bit weights, a unit ahead: while one unit is multiplied by mma.sync, the next one's
// words, rows and scales come from shared memory into registers. One scale a unit and output. The same bits
// as add_unit_mma of w4a16_mma.cuh.
#pragma once

#include "gemm/rows_operand.cuh"
#include "gemm/w4a16_layout.cuh"
#include "gemm/w4a16_wgmma.cuh"

namespace smq {

// A warp's share of a unit.
template <int N>
struct HeldUnit {
  uint4 packed[2][2];
  uint32_t rows[4][N / 8][4];
  uint2 scales;
};

__device__ __forceinline__ uint2 load_shared8(uint32_t address) {
  uint2 v;
  asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];" : "=r"(v.x), "=r"(v.y) : "r"(address));
  return v;
}

template <int N>
__device__ __forceinline__ void hold_unit(HeldUnit<N>& to, uint32_t unit, uint32_t rows, int group,
                                          int thread) {
  const uint32_t words = unit + (group * 512 + thread) * 16;
#pragma unroll
  for (int j = 0; j < 2; ++j) {
    to.packed[j][0] = load_shared16(words + j * 4096);
    to.packed[j][1] = load_shared16(words + j * 4096 + 2048);
  }
#pragma unroll
  for (int pair = 0; pair < 4; ++pair) {
#pragma unroll
    for (int c = 0; c < N / 8; ++c) load_rows(to.rows[pair][c], rows + pair / 2 * (N * 128), c, pair % 2);
  }
  to.scales = load_shared8(unit + w4a16::kNibbleBytes +
                           (group * 128 + thread / 32 * 32 + thread % 32 / 4 * 4) * 2);
}

template <class T, int N>
__device__ __forceinline__ void add_held_unit(float (&totals)[2][N / 2], const HeldUnit<N>& unit) {
  float parts[2][N / 8][4] = {};
#pragma unroll
  for (int step = 0; step < 8; ++step) {
    uint32_t a[2][4];
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const uint4 v = unit.packed[j][step / 4];
      const uint32_t word = step % 4 == 0 ? v.x : step % 4 == 1 ? v.y : step % 4 == 2 ? v.z : v.w;
      ptx::unpack(a[j], word, T());
    }
#pragma unroll
    for (int j = 0; j < 2; ++j) {
#pragma unroll
      for (int c = 0; c < N / 8; ++c) {
        const uint32_t(&b)[4] = unit.rows[step / 2][c];
        ptx::mma(parts[j][c], a[j], b[step % 2 * 2], b[step % 2 * 2 + 1], T());
      }
    }
  }
  const float2 scale[2] = {__half22float2(reinterpret_cast<const __half2&>(unit.scales.x)),
                           __half22float2(reinterpret_cast<const __half2&>(unit.scales.y))};
#pragma unroll
  for (int j = 0; j < 2; ++j) {
#pragma unroll
    for (int i = 0; i < N / 2; ++i) {
      totals[j][i] = fmaf(parts[j][i / 4][i % 4], i & 2 ? scale[j].y : scale[j].x, totals[j][i]);
    }
  }
}

}  // namespace smq

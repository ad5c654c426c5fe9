// Rows' inputs in shared memory, tiles of [rows, 64] in the swizzle of Hopper's copy engine, as operands B
// of mma.m16n8k16.
#pragma once

#include "gemm/ptx.cuh"

namespace smq {

// Byte offset of 16-byte chunk `chunk` (0 to 7) of row `row` in a tile of 128-byte rows.
__device__ __forceinline__ uint32_t swizzled(int row, int chunk) {
  return row * 128 + ((chunk ^ (row & 7)) << 4);
}

// The rows' operands of 32 inputs (pair 0 or 1 of a tile of 64) for chunk c of 8 rows: b[0], b[1] of the
// first 16 inputs, b[2], b[3] of the second.
__device__ __forceinline__ void load_rows(uint32_t (&b)[4], uint32_t tile, int chunk, int pair) {
  const int lane = threadIdx.x % 32;
  ptx::load_matrix4(b, tile + swizzled(chunk * 8 + lane % 8, pair * 4 + lane / 8));
}

}  // namespace smq

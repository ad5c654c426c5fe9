// What the mma.sync kernels (sm_80 and everything but Hopper) share: stages of shared memory filled by
// 16-byte asynchronous copies, tiles of 64 inputs a row in the swizzle of Hopper's copy engine, and the
// loads of operands from them.
#pragma once

#include "gemm/rows_operand.cuh"
#include "gemm/stream/split.cuh"

namespace smq {

constexpr int kAmpereThreads = kGroups * kGroupThreads;
constexpr int kAmpereShared = 99 << 10;  // what every device from sm_80 on gives a block

// Copies a tile [rows, 64] of a matrix of halves [most_rows, columns] from (first_row, first_column);
// zeros outside. `aligned`: rows start at multiples of 16 bytes.
template <int Rows>
__device__ __forceinline__ void copy_tile(uint32_t to, const uint16_t* matrix, int first_row,
                                          int most_rows, int first_column, int columns, bool aligned) {
  for (int i = threadIdx.x; i < Rows * 8; i += kAmpereThreads) {
    const int row = first_row + i / 8, column = first_column + i % 8 * 8;
    const uint32_t place = to + swizzled(i / 8, i % 8);
    const int left = row < most_rows ? columns - column : 0;  // elements from here to the row's end
    const uint16_t* from = left > 0 ? matrix + int64_t(row) * columns + column : matrix;
    if (aligned) {
      ptx::copy16(place, from, left > 0 ? 16 : 0);
    } else {
      uint32_t words[4];
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const uint32_t low = 2 * j < left ? from[2 * j] : 0;
        const uint32_t high = 2 * j + 1 < left ? from[2 * j + 1] : 0;
        words[j] = low | high << 16;
      }
      asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(place), "r"(words[0]),
                   "r"(words[1]), "r"(words[2]), "r"(words[3])
                   : "memory");
    }
  }
}

// Runs a worker's share: copy(stage, unit) starts the copies of a unit, add(stage, sums) adds its
// product, finish(unit, stop, sums) ends a tile's part. The ring is `Stages` deep; one barrier a unit.
template <class Sum, int N, int J, int Stages, class Copy, class Add, class Finish>
__device__ __forceinline__ void run_ampere(const StreamCall& call, Copy copy, Add add, Finish finish) {
  const Split& split = call.split;
  const int worker = blockIdx.x;
  const int begin = split.begin(worker), end = split.begin(worker + 1);
  wait_for_previous();
  for (int i = 0; i < Stages - 1; ++i) {
    if (begin + i < end) copy(i, begin + i);
    ptx::commit_copies();
  }
  int stage = 0;
  for (int unit = begin; unit < end;) {
    const int rest = split.blocks - split.block_of(unit);
    const int stop = unit + rest < end ? unit + rest : end;
    Sum sums[J][N / 2] = {};
#pragma unroll 1
    for (int i = unit; i < stop; ++i) {
      ptx::wait_copies<Stages - 2>();
      __syncthreads();  // the unit is here, and all have left the stage that is filled next
      const int ahead = i + Stages - 1;
      if (ahead < end) copy(stage == 0 ? Stages - 1 : stage - 1, ahead);
      ptx::commit_copies();
      add(stage, sums);
      stage = stage + 1 == Stages ? 0 : stage + 1;
    }
    finish(unit, stop, sums);
    unit = stop;
  }
}

}  // namespace smq

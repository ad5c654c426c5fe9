// A block's first unit of four-bit weights. It comes while the kernels before still run, so it is unpacked meanwhile, and
// behind the wait it is only multiplied: of the few units that a block has of a product, each other one takes 0.4 us there
// (docs/adr/0062).
#pragma once

#include "gemm/weights/w4a16_mma.cuh"
#include "gemm/weights/w4a16_offsets.cuh"

namespace smq {

template <class T, int N, int Grain, int Zeros>
struct FirstUnit {
  static constexpr bool kOffsets = Zeros == SMQ_ZEROS_OFFSETS;
  static constexpr int kSteps = (N == 8 ? 8 : 5) - (Grain < 64);  // of 16 inputs, of 8: as many as there are registers for
  uint32_t a[kSteps][2][4];
  MmaPlaces at;

  // Before the wait, once the weights have come.
  __device__ __forceinline__ void unpack(const uint8_t* unit, int group, int thread) {
    at = MmaPlaces(unit, Grain, group, thread);
    const Packed packed(at);
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      if constexpr (kOffsets) {
        unpack_step_offsets<T, Grain>(a[step], packed, at.pairs, step);
      } else {
#pragma unroll
        for (int j = 0; j < 2; ++j) unpack_step<T, Grain, Zeros>(a[step][j], packed, at, j, step);
      }
#pragma unroll
      for (int i = 0; i < 8; ++i) ptx::known_here(a[step][i / 4][i % 4]);
    }
  }
  // The same as add_unit_mma and add_unit_mma_offsets of it.
  template <class Ahead>
  __device__ __forceinline__ void add(float (&totals)[2][N / 2], uint32_t rows, Ahead ahead) const {
    const auto inputs = [&](uint32_t(&b)[N / 8][4], int pair) { load_rows_ahead<N>(b, rows, pair, ahead); };
    const auto copy = [](uint32_t(&to)[4], const uint32_t(&from)[4]) {
#pragma unroll
      for (int i = 0; i < 4; ++i) to[i] = from[i];
    };
    Packed packed;
    if constexpr (kSteps < 8) packed = Packed(at);
    if constexpr (kOffsets) {
      multiply_unit_offsets<T, N>(
          totals,
          [&](uint32_t(&to)[2][4], int step) {
            if (step < kSteps) copy(to[0], a[step % kSteps][0]), copy(to[1], a[step % kSteps][1]);
            else unpack_step_offsets<T, Grain>(to, packed, at.pairs, step);
          },
          inputs);
    } else {
      multiply_unit<T, N, Grain>(
          totals, at.scales,
          [&](uint32_t(&to)[4], int j, int step) {
            if (step < kSteps) copy(to, a[step % kSteps][j]);
            else unpack_step<T, Grain, Zeros>(to, packed, at, j, step);
          },
          inputs);
    }
  }
};

}  // namespace smq

// The product of one unit of four-bit weights by mma.sync. Each grain of inputs is summed from zero and
// then scaled into the f32 totals: the same bits as add_unit_wgmma of w4a16_wgmma.cuh. With offsets: w4a16_offsets.cuh.
#pragma once

#include "gemm/rows_operand.cuh"
#include "gemm/weights/w4a16_layout.cuh"

namespace smq {

// Where a thread's words, scales and zero points lie in a unit.
struct MmaPlaces {
  const uint4* words;
  const uint8_t *scales, *zeros, *pairs;  // pairs: of scales and offsets

  MmaPlaces() = default;
  __device__ __forceinline__ MmaPlaces(const uint8_t* unit, int grain, int group, int thread)
      : words(reinterpret_cast<const uint4*>(unit) + group * 512 + thread) {
    const int output = group * 128 + thread / 32 * 32 + thread % 32 / 4 * 4;
    scales = unit + w4a16::kNibbleBytes + output * 2;
    zeros = unit + w4a16::unit_bytes(grain, SMQ_ZEROS_NONE) + output;
    pairs = unit + w4a16::kNibbleBytes + output * 4;
  }
};

// A thread's words of a unit, of both operands, all at once: one latency a unit.
struct Packed {
  uint4 words[2][2];

  Packed() = default;
  __device__ __forceinline__ explicit Packed(const MmaPlaces& at) {
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      words[j][0] = at.words[j * 256];
      words[j][1] = at.words[j * 256 + 128];
    }
  }
  __device__ __forceinline__ uint32_t word(int j, int step) const {
    return w4a16::word_of(words[j][step / 4], step % 4);
  }
};

// Weights of 16 inputs of operand j as an operand A.
template <class T, int Grain, int Zeros>
__device__ __forceinline__ void unpack_step(uint32_t (&a)[4], const Packed& packed, const MmaPlaces& at, int j, int step) {
  const auto unpack = [&](uint32_t(&to)[4], int grain) {
    if constexpr (Zeros == SMQ_ZEROS_POINTS) {
      const uint32_t pair = *reinterpret_cast<const uint16_t*>(at.zeros + grain * w4a16::kTile + 2 * j);
      ptx::unpack(to, packed.word(j, step), ptx::biases(pair, T()), T());
    } else {
      ptx::unpack(to, packed.word(j, step), T());
    }
  };
  unpack(a, Grain < 16 ? 2 * step : step / (Grain < 16 ? 1 : Grain / 16));
  if (Zeros == SMQ_ZEROS_POINTS && Grain < 16) {
    uint32_t other[4];
    unpack(other, 2 * step + 1);
    a[2] = other[2], a[3] = other[3];
  }
}

// totals[j] += the share of one unit. weights(a, j, step) gives the operand A of 16 inputs, inputs(b, pair) the rows' operands
// of 32. A grain of 8 is half an instruction: the other half's weights are left out as zeros.
template <class T, int N, int Grain, class Weights, class Inputs>
__device__ __forceinline__ void multiply_unit(float (&totals)[2][N / 2], const uint8_t* scales, Weights weights,
                                              Inputs inputs) {
  constexpr int kGrainSteps = Grain < 16 ? 1 : Grain / 16;
  float parts[2][N / 8][4];

  const auto fold = [&](int grain) {
    const uint2 pairs = *reinterpret_cast<const uint2*>(scales + grain * w4a16::kTile * 2);
    const float2 scale[2] = {__half22float2(*reinterpret_cast<const __half2*>(&pairs.x)),
                             __half22float2(*reinterpret_cast<const __half2*>(&pairs.y))};
#pragma unroll
    for (int j = 0; j < 2; ++j) {
#pragma unroll
      for (int i = 0; i < N / 2; ++i) {
        totals[j][i] = fmaf(parts[j][i / 4][i % 4], i & 2 ? scale[j].y : scale[j].x, totals[j][i]);
        parts[j][i / 4][i % 4] = 0;
      }
    }
  };

#pragma unroll
  for (int j = 0; j < 2; ++j) {
#pragma unroll
    for (int i = 0; i < N / 2; ++i) parts[j][i / 4][i % 4] = 0;
  }
#pragma unroll
  for (int pair = 0; pair < 4; ++pair) {
    uint32_t b[N / 8][4];
    inputs(b, pair);
#pragma unroll
    for (int s = 0; s < 2; ++s) {
      const int step = pair * 2 + s;
      uint32_t a[2][4];
#pragma unroll
      for (int j = 0; j < 2; ++j) weights(a[j], j, step);
#pragma unroll
      for (int h = 0; h < (Grain == 8 ? 2 : 1); ++h) {
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          uint32_t part[4] = {a[j][0], a[j][1], a[j][2], a[j][3]};
          if (Grain == 8) part[2 - 2 * h] = part[3 - 2 * h] = 0;
#pragma unroll
          for (int c = 0; c < N / 8; ++c) ptx::mma(parts[j][c], part, b[c][2 * s], b[c][2 * s + 1], T());
        }
        if (Grain == 8) fold(step * 2 + h);
      }
      if (Grain >= 16 && (step + 1) % kGrainSteps == 0) fold(step / kGrainSteps);
    }
  }
}

// The rows' operands of 32 inputs, of a unit's rows in shared memory; ahead() behind the last ones.
template <int N, class Ahead>
__device__ __forceinline__ void load_rows_ahead(uint32_t (&b)[N / 8][4], uint32_t rows, int pair, Ahead ahead) {
#pragma unroll
  for (int c = 0; c < N / 8; ++c) load_rows(b[c], rows + pair / 2 * (N * 128), c, pair % 2);
  if (pair == 3) ahead();
}

// The same of a unit and rows in shared memory. ahead() is called when a fourth of it is left to do.
template <class T, int N, int Grain, int Zeros, class Ahead>
__device__ __forceinline__ void add_unit_mma(float (&totals)[2][N / 2], const uint8_t* unit,
                                             uint32_t rows, int group, int thread, Ahead ahead) {
  const MmaPlaces at(unit, Grain, group, thread);
  const Packed packed(at);
  multiply_unit<T, N, Grain>(
      totals, at.scales,
      [&](uint32_t(&a)[4], int j, int step) { unpack_step<T, Grain, Zeros>(a, packed, at, j, step); },
      [&](uint32_t(&b)[N / 8][4], int pair) { load_rows_ahead<N>(b, rows, pair, ahead); });
}

}  // namespace smq

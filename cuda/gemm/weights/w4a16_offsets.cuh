// The product of one unit of four-bit weights with offsets, w = q s + o. A weight is rounded to the rows' dtype, once,
// and multiplied as it is: sums grow over all inputs, with nothing to do at the end of a group. To keep sums of q
// exact, as w4a16_mma.cuh does, would take the sums of the rows' inputs too, in another product as large as this one
// where tensor cores are what many rows wait for. Both functions give the same bits.
#pragma once

#include "gemm/weights/w4a16_mma.cuh"
#include "gemm/weights/w4a16_wgmma.cuh"

namespace smq {

// Scales and offsets of the outputs that are rows g and g + 8 of an operand.
template <class T>
struct Affine;

template <>
struct Affine<__half> {
  __half2 scale[2], offset[2];

  // pairs: of each output its scale and its offset.
  __device__ __forceinline__ explicit Affine(uint2 pairs) {
    const __half2 first = reinterpret_cast<const __half2&>(pairs.x), second = reinterpret_cast<const __half2&>(pairs.y);
    scale[0] = __low2half2(first), offset[0] = __high2half2(first);
    scale[1] = __low2half2(second), offset[1] = __high2half2(second);
  }
  // Register i of an operand, two integers, as weights.
  __device__ __forceinline__ uint32_t weights(uint32_t integers, int i) const {
    const __half2 w = __hfma2(reinterpret_cast<const __half2&>(integers), scale[i % 2], offset[i % 2]);
    return reinterpret_cast<const uint32_t&>(w);
  }
};

template <>
struct Affine<__nv_bfloat16> {
  float2 pair[2];

  __device__ __forceinline__ explicit Affine(uint2 pairs) {
    pair[0] = __half22float2(reinterpret_cast<const __half2&>(pairs.x));
    pair[1] = __half22float2(reinterpret_cast<const __half2&>(pairs.y));
  }
  __device__ __forceinline__ uint32_t weights(uint32_t integers, int i) const {
    const float2 q = __half22float2(reinterpret_cast<const __half2&>(integers)), by = pair[i % 2];
    const __nv_bfloat162 w = __floats2bfloat162_rn(fmaf(q.x, by.x, by.y), fmaf(q.y, by.x, by.y));
    return reinterpret_cast<const uint32_t&>(w);
  }
};

// One word as an operand A of q, in f16 whatever the rows are.
__device__ __forceinline__ void unpack_nibbles(uint32_t (&a)[4], uint32_t word) {
  ptx::unpack(a, word, ptx::Biases{0x64006400, 0xd400d400}, __half());
}

// Weights of 16 inputs of both operands as operands A. pairs: of this thread's outputs. Grain: 32, or 8, where the two
// halves of an instruction's inputs differ.
template <class T, int Grain>
__device__ __forceinline__ void unpack_step_offsets(uint32_t (&a)[2][4], const Packed& packed, const uint8_t* pairs, int step) {
  constexpr int kHalves = Grain < 16 ? 2 : 1;
#pragma unroll
  for (int j = 0; j < 2; ++j) unpack_nibbles(a[j], packed.word(j, step));
#pragma unroll
  for (int h = 0; h < kHalves; ++h) {
    const int row = (step * 16 + h * 8) / Grain;
    const uint4 four = *reinterpret_cast<const uint4*>(pairs + row * (w4a16::kTile * 4));
    const Affine<T> by[2] = {Affine<T>(make_uint2(four.x, four.y)), Affine<T>(make_uint2(four.z, four.w))};
#pragma unroll
    for (int j = 0; j < 2; ++j) {
#pragma unroll
      for (int i = h * 2; i < (kHalves == 2 ? h * 2 + 2 : 4); ++i) a[j][i] = by[j].weights(a[j][i], i);
    }
  }
}

// totals[j] += the share of one unit. weights(a, step) gives operands A of 16 inputs, inputs(b, pair) the rows' of 32.
template <class T, int N, class Weights, class Inputs>
__device__ __forceinline__ void multiply_unit_offsets(float (&totals)[2][N / 2], Weights weights, Inputs inputs) {
#pragma unroll
  for (int pair = 0; pair < 4; ++pair) {
    uint32_t b[N / 8][4];
    inputs(b, pair);
#pragma unroll
    for (int s = 0; s < 2; ++s) {
      uint32_t a[2][4];
      weights(a, pair * 2 + s);
#pragma unroll
      for (int c = 0; c < N / 8; ++c) {
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          float(&sums)[4] = reinterpret_cast<float(&)[4]>(totals[j][4 * c]);
          ptx::mma(sums, a[j], b[c][2 * s], b[c][2 * s + 1], T());
        }
      }
    }
  }
}

// The same of a unit and rows in shared memory. ahead() is called when a fourth of it is left to do.
template <class T, int N, int Grain, class Ahead>
__device__ __forceinline__ void add_unit_mma_offsets(float (&totals)[2][N / 2], const uint8_t* unit,
                                                     uint32_t rows, int group, int thread, Ahead ahead) {
  const MmaPlaces at(unit, Grain, group, thread);
  const Packed packed(at);
  multiply_unit_offsets<T, N>(
      totals, [&](uint32_t(&a)[2][4], int step) { unpack_step_offsets<T, Grain>(a, packed, at.pairs, step); },
      [&](uint32_t(&b)[N / 8][4], int pair) { load_rows_ahead<N>(b, rows, pair, ahead); });
}

__device__ __forceinline__ uint2 load_shared8(uint32_t address) {
  uint2 v;
  asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];" : "=r"(v.x), "=r"(v.y) : "r"(address));
  return v;
}

// The same by wgmma: a group of four warps takes one operand. While the tensor cores work on one half of the unit's
// inputs, the other is unpacked.
template <class T, int N, int Grain>
__device__ __forceinline__ void add_unit_wgmma_offsets(float (&totals)[1][N / 2], uint32_t unit, uint32_t rows,
                                                       int group, int thread) {
  static_assert(Grain == 32, "two steps of 16 inputs share scales");
  const uint32_t words = unit + (group * 256 + thread) * 16;
  const int output = group / 2 * 128 + thread / 32 * 32 + thread % 32 / 4 * 4 + group % 2 * 2;
  const uint32_t pairs = unit + w4a16::kNibbleBytes + output * 4;
  uint32_t a[2][4][4];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const uint4 packed = load_shared16(words + half * 2048);
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      const Affine<T> by(load_shared8(pairs + (half * 2 + row) * (w4a16::kTile * 4)));
#pragma unroll
      for (int s = row * 2; s < row * 2 + 2; ++s) {
        unpack_nibbles(a[half][s], w4a16::word_of(packed, s));
#pragma unroll
        for (int i = 0; i < 4; ++i) a[half][s][i] = by.weights(a[half][s][i], i);
      }
    }
    const uint64_t tile = wgmma::describe(rows + half * (N * 128));
    wgmma::fence();
#pragma unroll
    for (int s = 0; s < 4; ++s) {
      wgmma::multiply_registers(totals[0], a[half][s], tile + s * wgmma::kStep, 1, T());
    }
    wgmma::commit();
  }
  wgmma::wait<0>();
  wgmma::settle(totals[0]);
}

}  // namespace smq

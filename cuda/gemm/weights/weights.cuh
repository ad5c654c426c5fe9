// Eight-bit and four-bit weights as operands A of a tensor core instruction, and rows of inputs as operands B:
// what tells one scheme from another. All of them read units of units.cuh. A policy has
//   Sum         int32_t, exact, or float
//   T           the type of the operands: int8_t, __half or __nv_bfloat16
//   kUnit       bytes of a unit
//   kInput      bytes of an input of a row
//   kParts      instructions for 32 inputs: one of s8, two of f16 or bf16
//   Weights     a lane's share of half a unit's outputs; weights(a, j, step): operand j (0 or 1) of 32 inputs
//               (step 0 to 3)
//   kRowScales  whether rows have a scale; kScales: whether outputs have one; kOffsets: whether they have an offset
//   kRaw, load_raw, row_operand: the rows, in the same order of inputs within 32 as the weights.
//   kNatural    whether rows are read as they lie, so that wgmma can: 16-bit operands in their own order
//   kOnHopper   which rows Hopper's kernels take; what they leave, those for other devices take there too
#pragma once

#include <cuda_fp8.h>

#include "gemm/rows_operand.cuh"
#include "gemm/weights/units.cuh"

namespace smq {

// All rows, those at a multiple of 16 bytes, which others than bytes need not be, or none.
enum class OnHopper { kAll, kAligned, kNone };

__device__ __forceinline__ void mma(int32_t (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                                    int8_t) {
  ptx::mma(d, a, b0, b1);
}
template <class T>
__device__ __forceinline__ void mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, T) {
  ptx::mma(d, a, b0, b1, T());
}

// Rows of bytes: a tile of [rows, 128] as the copy engine swizzles it.
struct ByteRows {
  static constexpr int kInput = 1, kRaw = 4;
  static constexpr bool kNatural = false;
  static constexpr OnHopper kOnHopper = OnHopper::kAll;
  // 64 inputs (pair 0 or 1) of chunk `chunk` of 8 rows.
  template <int N>
  static __device__ __forceinline__ void load_raw(uint32_t (&raw)[kRaw], uint32_t rows, int chunk,
                                                  int pair) {
    load_rows(raw, rows, chunk, pair);
  }
};

// A lane's share of a unit of eight-bit weights.
struct ByteWeights {
  const uint8_t* from;
  __device__ __forceinline__ ByteWeights(const uint8_t* unit, int half, int thread)
      : from(unit + (half * 8 * 128 + thread) * 16) {}
  __device__ __forceinline__ uint4 words(int j, int step) const {
    return *reinterpret_cast<const uint4*>(from + (j * 4 + step) * 2048);
  }
};

// i8 weights, i8 rows.
struct W8A8 : ByteRows {
  using Sum = int32_t;
  using T = int8_t;
  static constexpr int kUnit = units::kByteUnit, kParts = 1;
  static constexpr bool kRowScales = true, kScales = true, kOffsets = false;

  struct Weights : ByteWeights {
    using ByteWeights::ByteWeights;
    __device__ __forceinline__ void operator()(uint32_t (&a)[1][4], int j, int step) const {
      const uint4 v = words(j, step);
      a[0][0] = v.x, a[0][1] = v.y, a[0][2] = v.z, a[0][3] = v.w;
    }
  };
  static __device__ __forceinline__ void row_operand(uint32_t (&b)[1][2], const uint32_t (&raw)[4], int s) {
    b[0][0] = raw[2 * s], b[0][1] = raw[2 * s + 1];
  }
};

// Two e4m3, those of byte `Byte` and the next, as f16, exact; NaN stays NaN.
template <int Byte>
__device__ __forceinline__ uint32_t widen_e4m3(uint32_t word) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 890
  const __half2_raw wide = __nv_cvt_fp8x2_to_halfraw2(__nv_fp8x2_storage_t(word >> (8 * Byte)), __NV_E4M3);
  return wide.x | uint32_t(wide.y) << 16;
#else
  // Exponent and mantissa one place down are 2^-8 of the number, subnormal ones too: the bias is 15 instead of 7.
  const uint32_t upper = __byte_perm(word, 0, Byte == 0 ? 0x1404 : 0x3424);
  const uint32_t small = (upper & 0x80008000) | (upper >> 1 & 0x3f803f80), factor = 0x5c005c00;  // 256
  uint32_t wide;
  asm("mul.f16x2 %0, %1, %2;" : "=r"(wide) : "r"(small), "r"(factor));
  return wide | (__vcmpeq2(upper & 0x7f007f00, 0x7f007f00) & 0x7e007e00);
#endif
}
__device__ __forceinline__ void widen_e4m3(uint32_t word, uint32_t& first, uint32_t& second) {
  first = widen_e4m3<0>(word);
  second = widen_e4m3<2>(word);
}

// e4m3 weights and rows. Of 16 inputs of an f16 instruction lane t holds 4 t + {0, 1} and 4 t + {2, 3}.
struct Fp8 : ByteRows {
  using Sum = float;
  using T = __half;
  static constexpr int kUnit = units::kByteUnit, kParts = 2;
  static constexpr bool kRowScales = true, kScales = true, kOffsets = false;

  struct Weights : ByteWeights {
    using ByteWeights::ByteWeights;
    __device__ __forceinline__ void operator()(uint32_t (&a)[2][4], int j, int step) const {
      const uint4 v = words(j, step);
      widen_e4m3(v.x, a[0][0], a[0][2]);
      widen_e4m3(v.y, a[0][1], a[0][3]);
      widen_e4m3(v.z, a[1][0], a[1][2]);
      widen_e4m3(v.w, a[1][1], a[1][3]);
    }
  };
  static __device__ __forceinline__ void row_operand(uint32_t (&b)[2][2], const uint32_t (&raw)[4], int s) {
    widen_e4m3(raw[2 * s], b[0][0], b[0][1]);
    widen_e4m3(raw[2 * s + 1], b[1][0], b[1][1]);
  }
};

// Four i8 as pairs of T, exact. The sign bit turned, a byte b is 128 more; in the mantissa of 1024 (f16) or of
// 2^23 (f32) it is that number plus b + 128. An f32 of eight significant bits is a bf16 by its upper half.
__device__ __forceinline__ void widen_i8(uint32_t word, float (&wide)[4]) {
  const uint32_t turned = word ^ 0x80808080;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    wide[i] = __uint_as_float(__byte_perm(turned, 0x4b000000, 0x7440 + i)) - 8388736.0f;
  }
}
__device__ __forceinline__ void widen_i8(uint32_t word, uint32_t& first, uint32_t& second, __half) {
  const uint32_t turned = word ^ 0x80808080, bias = 0x64806480;  // 1152
  asm("sub.f16x2 %0, %1, %2;" : "=r"(first) : "r"(__byte_perm(turned, 0x64646464, 0x4140)), "r"(bias));
  asm("sub.f16x2 %0, %1, %2;" : "=r"(second) : "r"(__byte_perm(turned, 0x64646464, 0x4342)), "r"(bias));
}
__device__ __forceinline__ void widen_i8(uint32_t word, uint32_t& first, uint32_t& second, __nv_bfloat16) {
  float wide[4];
  widen_i8(word, wide);
  first = __byte_perm(__float_as_uint(wide[0]), __float_as_uint(wide[1]), 0x7632);
  second = __byte_perm(__float_as_uint(wide[2]), __float_as_uint(wide[3]), 0x7632);
}

// i8 weights, rows of Half, in the same order.
template <class Half>
struct W8A16 {
  using Sum = float;
  using T = Half;
  static constexpr int kUnit = units::kByteUnit, kInput = 2, kRaw = 8, kParts = 2;
  static constexpr bool kNatural = false;
  static constexpr OnHopper kOnHopper = OnHopper::kAligned;
  static constexpr bool kRowScales = false, kScales = true, kOffsets = false;

  struct Weights : ByteWeights {
    using ByteWeights::ByteWeights;
    __device__ __forceinline__ void operator()(uint32_t (&a)[2][4], int j, int step) const {
      const uint4 v = words(j, step);
      widen_i8(v.x, a[0][0], a[0][2], Half());
      widen_i8(v.y, a[0][1], a[0][3], Half());
      widen_i8(v.z, a[1][0], a[1][2], Half());
      widen_i8(v.w, a[1][1], a[1][3], Half());
    }
  };
  // Rows lie in two tiles of [N, 64].
  template <int N>
  static __device__ __forceinline__ void load_raw(uint32_t (&raw)[kRaw], uint32_t rows, int chunk,
                                                  int pair) {
    const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int part = 0; part < 4; ++part) {  // 16 inputs each
      const uint32_t from =
          rows + pair * (N * 128) + swizzled(chunk * 8 + g, part * 2 + t / 2) + t % 2 * 8;
      asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];"
                   : "=r"(raw[2 * part]), "=r"(raw[2 * part + 1])
                   : "r"(from));
    }
  }
  static __device__ __forceinline__ void row_operand(uint32_t (&b)[2][2], const uint32_t (&raw)[8], int s) {
    b[0][0] = raw[4 * s], b[0][1] = raw[4 * s + 1];
    b[1][0] = raw[4 * s + 2], b[1][1] = raw[4 * s + 3];
  }
};

// Two f16 integers times a scale, to the nearest integer and, unless none needs it, clamped to i8, in bytes 0 and 2.
template <bool Clamp>
__device__ __forceinline__ uint32_t scaled_bytes(uint32_t integers, uint32_t scale) {
  const uint32_t magic = 0x66006600, least = 0x65806580, most = 0x667f667f;  // 1536, - 128, + 127
  uint32_t v;
  asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(v) : "r"(integers), "r"(scale), "r"(magic));
  if constexpr (Clamp) {
    asm("max.f16x2 %0, %1, %2;" : "=r"(v) : "r"(v), "r"(least));
    asm("min.f16x2 %0, %1, %2;" : "=r"(v) : "r"(v), "r"(most));
  }
  return v;
}

// How nibbles in groups become i8: (q - z) s rounded and clamped, rounded, or s being an integer as it is. All three
// give the same where packing has found that a quicker one may be taken (units::Need).
enum class Way { kClamped, kRounded, kWhole };

// u4 weights, i8 rows. Grain: the inputs that share a row of scales, 0 without groups.
template <int Grain>
struct W4A8 : ByteRows {
  using Sum = int32_t;
  using T = int8_t;
  static constexpr int kGroupRows = Grain == 0 ? 0 : units::kBlock / (Grain == 0 ? 1 : Grain);
  static constexpr int kUnit = units::kNibbleUnit + kGroupRows * units::kGroupRow, kParts = 1;
  static constexpr bool kRowScales = true, kScales = true, kOffsets = Grain == 0;

  template <Way By>
  struct WeightsBy {
    const uint8_t *from, *scales, *zeros;

    __device__ __forceinline__ WeightsBy(const uint8_t* unit, int half, int thread)
        : from(unit + (half * 4 * 128 + thread) * 16), scales(unit + units::kNibbleUnit),
          zeros(scales + kGroupRows * units::kTile * 2) {
      const int output = half * 128 + thread / 32 * 32 + thread % 32 / 4 * 4;
      scales += output * 2;
      zeros += output;
    }
    __device__ __forceinline__ void operator()(uint32_t (&a)[1][4], int j, int step) const {
      // Of two steps; the compiler loads it once.
      const uint4 both = *reinterpret_cast<const uint4*>(from + (j * 2 + step / 2) * 2048);
      const uint2 v = step % 2 == 0 ? make_uint2(both.x, both.y) : make_uint2(both.z, both.w);
      if constexpr (Grain == 0) {
        a[0][0] = v.x & 0x0f0f0f0f, a[0][1] = v.x >> 4 & 0x0f0f0f0f;
        a[0][2] = v.y & 0x0f0f0f0f, a[0][3] = v.y >> 4 & 0x0f0f0f0f;
      } else {
        const int row = step * 32 / Grain;
        const uint32_t pair = *reinterpret_cast<const uint32_t*>(scales + row * (units::kTile * 2) + j * 4);
        const uint32_t zero = *reinterpret_cast<const uint16_t*>(zeros + row * units::kTile + j * 2);
        if constexpr (By == Way::kWhole) {
          const uint32_t magic = 0x66006600;  // 1536: the sum's mantissa is s, from 0x6600 on
          uint32_t sums;
          asm("add.rn.f16x2 %0, %1, %2;" : "=r"(sums) : "r"(pair), "r"(magic));
          const uint32_t scale0 = (sums & 0xffff) - 0x6600, scale1 = (sums >> 16) - 0x6600;
          const uint32_t by0 = (128 - (zero & 0xff) * scale0) * 0x01010101;
          const uint32_t by1 = (128 - (zero >> 8) * scale1) * 0x01010101;
          whole_word(a[0][0], a[0][1], v.x, scale0, scale1, by0, by1);
          whole_word(a[0][2], a[0][3], v.y, scale0, scale1, by0, by1);
        } else {
          const uint32_t scale0 = __byte_perm(pair, 0, 0x1010), scale1 = __byte_perm(pair, 0, 0x3232);
          const ptx::Biases biases = ptx::biases(zero, __half());
          scale_word(a[0][0], a[0][1], v.x, scale0, scale1, biases);
          scale_word(a[0][2], a[0][3], v.y, scale0, scale1, biases);
        }
      }
    }
    // The word's low nibbles by the first output's scale and zero point, its high ones by the second's.
    static __device__ __forceinline__ void scale_word(uint32_t& first, uint32_t& second, uint32_t word,
                                                      uint32_t scale0, uint32_t scale1,
                                                      ptx::Biases biases) {
      constexpr uint32_t kSixteenth = 0x2c002c00;
      constexpr bool kClamp = By == Way::kClamped;
      uint32_t low[2], high[2];  // of bytes 0 and 2, and of bytes 1 and 3
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const uint32_t bytes = word >> (8 * i);
        const uint32_t biased = ptx::logic3<ptx::kAndOr>(bytes, 0x000f000f, 0x64006400);
        const uint32_t biased16 = ptx::logic3<ptx::kAndOr>(bytes, 0x00f000f0, 0x64006400);
        asm("sub.f16x2 %0, %1, %2;" : "=r"(low[i]) : "r"(biased), "r"(biases.first));
        asm("fma.rn.f16x2 %0, %1, %2, %3;"
            : "=r"(high[i])
            : "r"(biased16), "r"(kSixteenth), "r"(biases.second));
      }
      first = __byte_perm(scaled_bytes<kClamp>(low[0], scale0), scaled_bytes<kClamp>(low[1], scale0), 0x6240);
      second = __byte_perm(scaled_bytes<kClamp>(high[0], scale1), scaled_bytes<kClamp>(high[1], scale1), 0x6240);
    }
    // The same of integers. by: 128 - z s in every byte. The sum of a byte, (q - z) s + 128, is one of 0 to 255, so
    // none carries into the next in the end; the top bit turned, it is an i8.
    static __device__ __forceinline__ void whole_word(uint32_t& first, uint32_t& second, uint32_t word,
                                                      uint32_t scale0, uint32_t scale1, uint32_t by0,
                                                      uint32_t by1) {
      first = ((word & 0x0f0f0f0f) * scale0 + by0) ^ 0x80808080;
      second = ((word >> 4 & 0x0f0f0f0f) * scale1 + by1) ^ 0x80808080;
    }
  };
  using Weights = WeightsBy<Way::kClamped>;
  static __device__ __forceinline__ void row_operand(uint32_t (&b)[1][2], const uint32_t (&raw)[4], int s) {
    b[0][0] = raw[2 * s], b[0][1] = raw[2 * s + 1];
  }
};

// A policy's weights by a way; only four bits in groups have several.
template <class P, Way By>
struct WeightsOf {
  static constexpr bool kHasWays = false;
  using Type = typename P::Weights;
};
template <int Grain, Way By>
struct WeightsOf<W4A8<Grain>, By> {
  static constexpr bool kHasWays = Grain > 0;
  using Type = typename W4A8<Grain>::template WeightsBy<By>;
};

// sums += the product of `J` operands from `first` on of half a unit's outputs and all rows, inputs ascending. ahead() is
// called when half of it is left to do.
template <class P, int N, int J, Way By, class Ahead>
__device__ __forceinline__ void add_unit(typename P::Sum (&sums)[J][N / 2], const uint8_t* unit, uint32_t rows,
                                         int half, int first, int thread, Ahead ahead) {
  using Sums = typename P::Sum[4];
  const typename WeightsOf<P, By>::Type weights(unit, half, thread);
#pragma unroll
  for (int pair = 0; pair < 2; ++pair) {
    uint32_t raw[N / 8][P::kRaw];
#pragma unroll
    for (int c = 0; c < N / 8; ++c) P::template load_raw<N>(raw[c], rows, c, pair);
    if (pair == 1) ahead();
#pragma unroll
    for (int s = 0; s < 2; ++s) {
      uint32_t a[J][P::kParts][4];
#pragma unroll
      for (int j = 0; j < J; ++j) weights(a[j], first + j, pair * 2 + s);
#pragma unroll
      for (int c = 0; c < N / 8; ++c) {
        uint32_t b[P::kParts][2];
        P::row_operand(b, raw[c], s);
#pragma unroll
        for (int part = 0; part < P::kParts; ++part) {
#pragma unroll
          for (int j = 0; j < J; ++j) {
            Sums& d = reinterpret_cast<Sums&>(sums[j][4 * c]);
            mma(d, a[j][part], b[part][0], b[part][1], typename P::T());
          }
        }
      }
    }
  }
}

}  // namespace smq

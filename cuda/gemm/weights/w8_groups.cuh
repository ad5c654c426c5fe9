// The policy (weights.cuh) of eight-bit weights in groups on rows of Half: w = q s, or q s + o, rounded to Half once
// and multiplied as it is, so that nothing is left to do at the end of a group or of a tile.
#pragma once

#include "gemm/weights/weights.cuh"

namespace smq {

// Four weights of one output, of a word's i8, as pairs. pair: the output's scale, and its offset in the upper half.
template <bool Offsets>
__device__ __forceinline__ void scaled_i8(uint32_t word, __half2 pair, uint32_t& first, uint32_t& second, __half) {
  widen_i8(word, first, second, __half());
  const __half2 scale = __low2half2(pair), offset = __high2half2(pair);
  const auto weights = [&](uint32_t integers) {
    const __half2& q = reinterpret_cast<const __half2&>(integers);
    const __half2 w = Offsets ? __hfma2(q, scale, offset) : __hmul2(q, scale);
    return reinterpret_cast<const uint32_t&>(w);
  };
  first = weights(first);
  second = weights(second);
}
template <bool Offsets>
__device__ __forceinline__ void scaled_i8(uint32_t word, __half2 pair, uint32_t& first, uint32_t& second,
                                          __nv_bfloat16) {
  float q[4];
  widen_i8(word, q);
  const float2 by = __half22float2(pair);
  const auto weights = [&](float low, float high) {
    const __nv_bfloat162 w = Offsets ? __floats2bfloat162_rn(fmaf(low, by.x, by.y), fmaf(high, by.x, by.y))
                                     : __floats2bfloat162_rn(low * by.x, high * by.x);
    return reinterpret_cast<const uint32_t&>(w);
  };
  first = weights(q[0], q[1]);
  second = weights(q[2], q[3]);
}

template <class Half, int Group, bool Offsets>
struct W8A16Groups : W8A16<Half> {
  static constexpr int kUnit = units::byte_group_unit(Group, Offsets);
  static constexpr bool kScales = false, kNatural = true;
  // No format has groups of 16 with offsets: allowed, but not worth kernels of their own.
  static constexpr OnHopper kOnHopper = Group == 16 && Offsets ? OnHopper::kNone : OnHopper::kAll;

  template <int N>
  static __device__ __forceinline__ void load_raw(uint32_t (&raw)[8], uint32_t rows, int chunk, int pair) {
    load_rows(reinterpret_cast<uint32_t(&)[4]>(raw[0]), rows + pair * (N * 128), chunk, 0);
    load_rows(reinterpret_cast<uint32_t(&)[4]>(raw[4]), rows + pair * (N * 128), chunk, 1);
  }

  struct Weights : ByteWeights {
    const uint8_t* groups;  // of this lane's four outputs

    __device__ __forceinline__ Weights(const uint8_t* unit, int half, int thread)
        : ByteWeights(unit, half, thread),
          groups(unit + units::kByteUnit +
                 (half * 128 + thread / 32 * 32 + thread % 32 / 4 * 4) * (Offsets ? 4 : 2)) {}
    __device__ __forceinline__ void operator()(uint32_t (&a)[2][4], int j, int step) const {
      const uint4 v = words(j, step);
      __half2 first, second;  // the pairs of two outputs
      load_pairs(first, second, j, step * 32 / Group);
      scaled_i8<Offsets>(v.x, first, a[0][0], a[0][2], Half());
      scaled_i8<Offsets>(v.y, second, a[0][1], a[0][3], Half());
      if (Group == 16) load_pairs(first, second, j, step * 2 + 1);
      scaled_i8<Offsets>(v.z, first, a[1][0], a[1][2], Half());
      scaled_i8<Offsets>(v.w, second, a[1][1], a[1][3], Half());
    }
    __device__ __forceinline__ void load_pairs(__half2& first, __half2& second, int j, int row) const {
      if constexpr (Offsets) {
        const uint2 two = *reinterpret_cast<const uint2*>(groups + row * (units::kTile * 4) + j * 8);
        first = reinterpret_cast<const __half2&>(two.x), second = reinterpret_cast<const __half2&>(two.y);
      } else {
        const __half2 two = *reinterpret_cast<const __half2*>(groups + row * (units::kTile * 2) + j * 4);
        first = two, second = __high2half2(two);
      }
    }
  };
};

}  // namespace smq

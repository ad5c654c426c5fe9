// f16, bf16 and e4m3 as bits, converted one at a time; round to nearest even, overflow to infinity.
// Everything is forced inline: a copy compiled with AVX2 must not be shared with the plain path.
#pragma once

#include <cstdint>
#include <cstring>

#define SMQ_INLINE static inline __attribute__((always_inline))
#define SMQ_MEMBER inline __attribute__((always_inline))

namespace smq {

struct f16 {
  uint16_t bits;
};
struct bf16 {
  uint16_t bits;
};

// A sign, 4 bits of exponent, 3 of mantissa; no infinity, NaN where all but the sign are set.
struct e4m3 {
  uint8_t bits;
};

SMQ_INLINE uint32_t float_bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}

SMQ_INLINE float bits_float(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

SMQ_INLINE float widen(bf16 x) { return bits_float(uint32_t(x.bits) << 16); }

SMQ_INLINE float widen(f16 x) {
  const uint32_t sign = uint32_t(x.bits & 0x8000) << 16;
  const uint32_t rest = x.bits & 0x7fff;
  if (rest >= 0x7c00) return bits_float(sign | 0x7f800000 | ((rest & 0x3ff) << 13));
  // A product with 2^112 moves the exponent's bias and normalises subnormals, exactly.
  return bits_float(sign | float_bits(bits_float(rest << 13) * 0x1p112f));
}

SMQ_INLINE bf16 narrow_bf16(float x) {
  const uint32_t bits = float_bits(x);
  if ((bits & 0x7fffffff) > 0x7f800000) return {uint16_t((bits >> 16) | 0x40)};
  return {uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

SMQ_INLINE f16 narrow_f16(float x) {
  const uint32_t bits = float_bits(x);
  const uint16_t sign = uint16_t((bits >> 16) & 0x8000);
  const uint32_t rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return {uint16_t(sign | 0x7e00 | ((rest >> 13) & 0x3ff))};
  if (rest >= 0x47800000) return {uint16_t(sign | 0x7c00)};
  if (rest < 0x38800000) {
    // Adding 0.5 leaves the subnormal's bits, rounded, at the end of the sum's mantissa.
    return {uint16_t(sign | (float_bits(bits_float(rest) + 0.5f) - 0x3f000000))};
  }
  const uint32_t rounded = rest - 0x38000000 + 0xfff + ((rest >> 13) & 1);
  return {uint16_t(sign | (rounded >> 13))};
}

SMQ_INLINE float widen(e4m3 x) {
  const uint32_t rest = x.bits & 0x7f;
  if (rest == 0x7f) return bits_float(0x7fc00000);
  return bits_float(uint32_t(x.bits & 0x80) << 24 | rest << 20) * 0x1p120f;
}

// Of what is not NaN; saturates at 448.
SMQ_INLINE e4m3 narrow_e4m3(float x) {
  const uint32_t bits = float_bits(x);
  const uint32_t rest = bits & 0x7fffffff;
  // The ulp of 1.5 * 2^14 is that of the subnormals, which end as the low bits of the sum.
  const float magic = 0x1.8p14f;
  const uint32_t small = float_bits(bits_float(rest) + magic) - float_bits(magic);
  const uint32_t normal = ((rest + 0x7ffff + ((rest >> 20) & 1)) >> 20) - (120 << 3);
  const uint32_t code = rest < 0x3c800000 ? small : normal;
  return {uint8_t(((bits >> 24) & 0x80) | (code < 0x7e ? code : 0x7e))};
}

}  // namespace smq

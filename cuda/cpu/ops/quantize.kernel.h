// One row of f32 in eight bits, with one scale.
#pragma once

#include <cmath>

#include "simd/math.h"

namespace smq {

// The bits of the largest magnitude, which order as the magnitudes do, and infinity and NaN above all.
SMQ_INLINE int32_t largest_magnitude(const float* x, int32_t width) {
  int32_t largest = 0;
  for (int32_t i = 0; i < width; ++i) {
    const int32_t bits = int32_t(float_bits(x[i]) & 0x7fffffff);
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

// To the nearest whole number, ties to even: adding 1.5 * 2^23 leaves it in the low bits of the sum.
SMQ_INLINE void narrow(int8_t* out, float x) {
  *out = int8_t(uint8_t(float_bits(x + 12582912.0f)));
}
SMQ_INLINE void narrow(e4m3* out, float x) { *out = narrow_e4m3(x); }

SMQ_INLINE int32_t summand(int8_t q) { return q; }
SMQ_INLINE int32_t summand(e4m3) { return 0; }

SMQ_INLINE float largest_of(int8_t) { return 127.0f; }
SMQ_INLINE float largest_of(e4m3) { return 448.0f; }

template <class S, class T>
void quantize_row(void* out, float* scale, int32_t* sum, const float* x, int32_t width) {
  T* to = static_cast<T*>(out);
  const int32_t largest = largest_magnitude(x, width);
  *sum = 0;
  if (largest == 0 || largest >= 0x7f800000) {
    *scale = largest == 0 ? 0.0f : NAN;
    std::memset(out, 0, std::size_t(width));
    return;
  }
  const float magnitude = bits_float(uint32_t(largest));
  *scale = magnitude / largest_of(T{});
  // The inverse of what is very small would be infinite.
  const float lift = magnitude < 0x1p-100f ? 0x1p64f : 1.0f;
  const float by = largest_of(T{}) / (magnitude * lift);
  int32_t total = 0;
  for (int32_t i = 0; i < width; ++i) {
    narrow(to + i, x[i] * lift * by);
    total += summand(to[i]);
  }
  *sum = total;
}

}  // namespace smq

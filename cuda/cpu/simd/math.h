// What every kernel needs on top of an instruction set S: partial vectors and the exponential.
#pragma once

#include "half.h"

namespace smq {

// The first `count` (1 to 7) elements, zeros behind them.
template <class S, class T>
SMQ_INLINE typename S::F load_some(const T* p, int64_t count) {
  T padded[8] = {};
  for (int64_t i = 0; i < count; ++i) padded[i] = p[i];
  return S::load(padded);
}

template <class S, class T>
SMQ_INLINE void store_some(T* p, typename S::F x, int64_t count) {
  T padded[8];
  S::store(padded, x);
  for (int64_t i = 0; i < count; ++i) p[i] = padded[i];
}

// e^x with a relative error of about 1e-7; 0 and infinity where the result has no f32; NaN stays.
template <class S>
SMQ_INLINE typename S::F exp(typename S::F x) {
  using F = typename S::F;
  x = S::min(S::set(105.0f), S::max(S::set(-105.0f), x));
  // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the low bits.
  const F magic = S::set(12582912.0f);
  const F shifted = S::fma(x, S::set(1.44269504088896341f), magic);
  const F n = S::sub(shifted, magic);
  F r = S::fma(n, S::set(-0.693359375f), x);
  r = S::fma(n, S::set(2.12194440e-4f), r);
  F p = S::set(1.9875691500e-4f);
  p = S::fma(p, r, S::set(1.3981999507e-3f));
  p = S::fma(p, r, S::set(8.3334519073e-3f));
  p = S::fma(p, r, S::set(4.1665795894e-2f));
  p = S::fma(p, r, S::set(1.6666665459e-1f));
  p = S::fma(p, r, S::set(5.0000001201e-1f));
  p = S::add(S::fma(p, S::mul(r, r), r), S::set(1.0f));
  // In two factors, since 2^n alone may not be an f32.
  const typename S::I exponent = S::add(S::bits(shifted), -0x4b400000);
  const typename S::I low = S::half(exponent);
  return S::mul(S::mul(p, S::power_of_two(low)), S::power_of_two(S::sub(exponent, low)));
}

// The same for one number.
template <class S>
SMQ_INLINE float exp_one(float x) {
  float lanes[8];
  S::store(lanes, exp<S>(S::set(x)));
  return lanes[0];
}

}  // namespace smq

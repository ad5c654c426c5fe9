// Gumbel noise, 32 tokens at a time. The random bits are those of common/noise.h; the logarithms have a relative error
// of 1e-7, and both tails are exact, where the one there ends at a u of 1 - 2^-24.
#pragma once

#include "common/noise.h"
#include "simd/math.h"

namespace smq {

constexpr int kNoise = 32;

// log x for positive normal numbers; `less_one` is x - 1, exactly, for an x that is not far below 1.
template <class S>
SMQ_INLINE typename S::F log(typename S::F x, typename S::F less_one) {
  using F = typename S::F;
  // x = 2^n m with m from sqrt(1/2) to sqrt(2).
  const typename S::I n = S::exponent_part(S::add(S::bits(x), -0x3f3504f3));
  const F m = S::mul(x, S::power_of_two(S::sub(S::set_word(0), n)));
  const F root = S::set(0.70710678f);
  const F f = S::where_less(x, root, S::sub(m, S::set(1.0f)),
                            S::where_less(S::set(1.0f), x, S::sub(m, S::set(1.0f)), less_one));
  F p = S::set(7.0376836292e-2f);
  p = S::fma(p, f, S::set(-1.1514610310e-1f));
  p = S::fma(p, f, S::set(1.1676998740e-1f));
  p = S::fma(p, f, S::set(-1.2420140846e-1f));
  p = S::fma(p, f, S::set(1.4249322787e-1f));
  p = S::fma(p, f, S::set(-1.6668057665e-1f));
  p = S::fma(p, f, S::set(2.0000714765e-1f));
  p = S::fma(p, f, S::set(-2.4999993993e-1f));
  p = S::fma(p, f, S::set(3.3333331174e-1f));
  const F square = S::mul(f, f);
  const F exponent = S::whole(n);
  F y = S::mul(S::mul(f, square), p);
  y = S::fma(exponent, S::set(-2.12194440e-4f), y);
  y = S::fma(S::set(-0.5f), square, y);
  return S::fma(exponent, S::set(0.693359375f), S::add(f, y));
}

// Of tokens first .. first + 31, first a multiple of 4, chosen for `position`.
template <class S>
void noise(float* out, uint32_t seed0, uint32_t seed1, uint32_t position, uint32_t first) {
  using F = typename S::F;
  using I = typename S::I;
  constexpr uint32_t kLanes[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  I c[4] = {S::set_word(position), S::add(S::load_words(kLanes), int32_t(first / 4)), S::set_word(0),
            S::set_word(0)};
  for (int round = 0; round < 10; ++round) {
    I a, a_low, b, b_low;
    S::multiply(c[0], 0xd2511f53u, a, a_low);
    S::multiply(c[2], 0xcd9e8d57u, b, b_low);
    c[0] = S::bit_xor(S::bit_xor(b, c[1]), S::set_word(seed0));
    c[1] = b_low;
    c[2] = S::bit_xor(S::bit_xor(a, c[3]), S::set_word(seed1));
    c[3] = a_low;
    seed0 += 0x9e3779b9u;
    seed1 += 0xbb67ae85u;
  }
  uint32_t words[kNoise];
  S::store_transposed(words, c);
  const F unit = S::set(0x1p-32f), half = S::set(0x1p-33f), one = S::set(1.0f);
  for (int i = 0; i < kNoise; i += 8) {
    const I word = S::load_words(words + i);
    // The distance to the nearer end is exact, so that both tails are.
    const F from_one = S::fma(S::unsigned_whole(word), unit, half);
    const F from_zero = S::fma(S::unsigned_whole(S::bit_xor(word, S::set_word(~0u))), unit, half);
    const F u = S::where_less(from_one, S::set(0.5f), S::sub(one, from_one), from_zero);
    const F exponential = S::sub(S::zero(), log<S>(u, S::sub(S::zero(), from_one)));
    const F less_one = S::sub(exponential, one);
    S::store(out + i, S::sub(S::zero(), log<S>(exponential, less_one)));
  }
}

}  // namespace smq

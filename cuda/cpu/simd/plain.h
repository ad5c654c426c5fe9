// Eight floats, or sixteen short integers, in plain C++ (the vector extension of gcc and clang, which any machine can run). This
// is the interface that every kernel is written against.
#pragma once

#include "half.h"

namespace smq {

struct Plain {
  typedef float F __attribute__((vector_size(32)));
  typedef int32_t I __attribute__((vector_size(32)));
  typedef int16_t W __attribute__((vector_size(32)));

  SMQ_INLINE F zero() { return F{}; }
  SMQ_INLINE F set(float x) { return F{x, x, x, x, x, x, x, x}; }
  // From f32, f16, bf16, e4m3 or i8; no alignment needed.
  SMQ_INLINE F load(const float* p) {
    F x;
    std::memcpy(&x, p, sizeof x);
    return x;
  }
  template <class T>
  SMQ_INLINE F load(const T* p) {
    F x;
    for (int i = 0; i < 8; ++i) x[i] = widen(p[i]);
    return x;
  }
  SMQ_INLINE F load(const int8_t* p) {
    F x;
    for (int i = 0; i < 8; ++i) x[i] = float(p[i]);
    return x;
  }
  // To f32, f16 or bf16, rounded to nearest even.
  SMQ_INLINE void store(float* p, F x) { std::memcpy(p, &x, sizeof x); }
  SMQ_INLINE void store(f16* p, F x) {
    for (int i = 0; i < 8; ++i) p[i] = narrow_f16(x[i]);
  }
  SMQ_INLINE void store(bf16* p, F x) {
    for (int i = 0; i < 8; ++i) p[i] = narrow_bf16(x[i]);
  }
  SMQ_INLINE F add(F a, F b) { return a + b; }
  SMQ_INLINE F sub(F a, F b) { return a - b; }
  SMQ_INLINE F mul(F a, F b) { return a * b; }
  SMQ_INLINE F div(F a, F b) { return a / b; }
  // a * b + c, in one or two roundings.
  SMQ_INLINE F fma(F a, F b, F c) { return a * b + c; }
  // b where a lane holds NaN.
  SMQ_INLINE F max(F a, F b) { return a > b ? a : b; }
  SMQ_INLINE F min(F a, F b) { return a < b ? a : b; }
  // One bit a lane.
  SMQ_INLINE int greater(F a, F b) {
    const I lanes = a > b;
    int mask = 0;
    for (int i = 0; i < 8; ++i) mask |= (lanes[i] & 1) << i;
    return mask;
  }
  // The sum of the lanes, always in this order.
  SMQ_INLINE float sum(F x) {
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
  }
  SMQ_INLINE I bits(F x) {
    I y;
    std::memcpy(&y, &x, sizeof y);
    return y;
  }
  SMQ_INLINE I add(I a, int32_t b) { return a + b; }
  SMQ_INLINE I sub(I a, I b) { return a - b; }
  // a / 2, rounded down.
  SMQ_INLINE I half(I a) { return a >> 1; }
  // 2^n for n in -126..127.
  SMQ_INLINE F power_of_two(I n) {
    typedef uint32_t U __attribute__((vector_size(32)));
    U shifted;
    for (int i = 0; i < 8; ++i) shifted[i] = (uint32_t(n[i]) + 127) << 23;
    F y;
    std::memcpy(&y, &shifted, sizeof y);
    return y;
  }
  SMQ_INLINE I load_words(const uint32_t* p) {
    I x;
    std::memcpy(&x, p, sizeof x);
    return x;
  }
  SMQ_INLINE I no_sum() { return I{}; }
  SMQ_INLINE I add(I a, I b) { return a + b; }
  SMQ_INLINE int32_t sum(I x) {
    int32_t total = 0;
    for (int i = 0; i < 8; ++i) total += x[i];
    return total;
  }
  // From i16 or i8.
  template <class T>
  SMQ_INLINE W load_short(const T* p) {
    W x;
    for (int i = 0; i < 16; ++i) x[i] = p[i];
    return x;
  }
  SMQ_INLINE void store(int16_t* p, W x) { std::memcpy(p, &x, sizeof x); }
  // Products, the two neighbours' added up.
  SMQ_INLINE I madd(W a, W b) {
    I y;
    for (int i = 0; i < 8; ++i) {
      y[i] = int32_t(a[2 * i]) * b[2 * i] + int32_t(a[2 * i + 1]) * b[2 * i + 1];
    }
    return y;
  }
  // The table's entries at the low nibbles of 16 bytes, and at the high ones.
  SMQ_INLINE void look_up(const int8_t* table, const uint8_t* nibbles, W& low, W& high) {
    for (int i = 0; i < 16; ++i) {
      low[i] = table[nibbles[i] & 15];
      high[i] = table[nibbles[i] >> 4];
    }
  }
  // Nibble N of each word as a signed number, times 2^28.
  template <int N>
  SMQ_INLINE F nibbles(I words) {
    F y;
    for (int i = 0; i < 8; ++i) {
      y[i] = float(int32_t((uint32_t(words[i]) << (28 - 4 * N)) & 0xf0000000u));
    }
    return y;
  }
};

}  // namespace smq

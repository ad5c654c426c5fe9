// Eight floats, or sixteen short integers, in plain C++ (the vector extension of gcc and clang, which any machine can run). This
// is the interface that every kernel is written against.
#pragma once

#include "half.h"

namespace smq {

struct Plain {
  typedef float F __attribute__((vector_size(32)));
  typedef int32_t I __attribute__((vector_size(32)));
  typedef int16_t W __attribute__((vector_size(32)));
  // Whether products have tiles of up to four rows, and for weights of every storage. In plain C++ they
  // have one tile, of a row and a panel: the others are no faster, and took a compiler a minute.
  static constexpr bool kManyTiles = false;

  SMQ_INLINE F zero() { return F{}; }
  SMQ_INLINE F set(float x) { return F{x, x, x, x, x, x, x, x}; }
  // From f32, f16, bf16, e4m3 or i8; no alignment needed.
  SMQ_INLINE F load(const float* p) {
    F x;
    std::memcpy(&x, p, sizeof x);
    return x;
  }
  SMQ_INLINE F load(const f16* p) {
    const I word = halves(p);
    const I rest = (word & 0x7fff) << 13;
    // A product with 2^112 moves the exponent's bias and normalises subnormals, exactly; infinity and NaN
    // then miss the exponent's upper bits.
    const I special = over(rest, (0x7c00 << 13) - 1) & 0x7f800000;
    return floats(bits(floats(rest) * 0x1p112f) | ((word & 0x8000) << 16) | special);
  }
  SMQ_INLINE F load(const bf16* p) { return floats(halves(p) << 16); }
  SMQ_INLINE F load(const e4m3* p) {
    // Of a byte whose sign has spread over the word, only the top one stays.
    const I word = bytes(&p->bits) << 20;
    const I kept = word & I(I{} + int(0x87f00000));
    const I nan = over(word & 0x07f00000, 0x07f00000 - 1);
    return floats(bits(floats(kept) * 0x1p120f) | nan);
  }
  SMQ_INLINE F load(const int8_t* p) {
    F x;
    for (int i = 0; i < 8; ++i) x[i] = float(p[i]);
    return x;
  }
  // To f32, f16 or bf16, rounded to nearest even.
  SMQ_INLINE void store(float* p, F x) { std::memcpy(p, &x, sizeof x); }
  SMQ_INLINE void store(f16* p, F x) {
    const I word = bits(x);
    const I rest = word & 0x7fffffff;
    // Adding 0.5 leaves a subnormal's bits, rounded, at the end of the sum's mantissa.
    const I small = bits(floats(rest) + 0.5f) - 0x3f000000;
    const I normal = (rest - 0x38000000 + 0xfff + (rest >> 13 & 1)) >> 13;
    const I finite = choose(over(rest, 0x38800000 - 1), normal, small);
    const I nan = over(rest, 0x7f800000) & ((rest >> 13 & 0x3ff) | 0x0200);
    const I value = choose(over(rest, 0x47800000 - 1), nan | 0x7c00, finite);
    store_halves(p, value | (word >> 16 & 0x8000));
  }
  SMQ_INLINE void store(bf16* p, F x) {
    const I word = bits(x);
    const I rounded = I(U(word) + 0x7fff + U(word >> 16 & 1));  // NaN may wrap, and is not taken
    store_halves(p, choose(over(word & 0x7fffffff, 0x7f800000), word | 0x400000, rounded) >> 16);
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
  // That of each of eight rows.
  SMQ_INLINE F sum_eight(const float (*x)[8]) {
    F sums;
    for (int i = 0; i < 8; ++i) sums[i] = sum(load(x[i]));
    return sums;
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
    return floats((n + 127) << 23);
  }
  SMQ_INLINE I set_word(uint32_t x) { return I{} + int32_t(x); }
  SMQ_INLINE I bit_xor(I a, I b) { return a ^ b; }
  // What stands above the mantissa's bits, with its sign.
  SMQ_INLINE I exponent_part(I a) { return a >> 23; }
  // The two halves of the 64-bit products of unsigned words.
  SMQ_INLINE void multiply(I a, uint32_t b, I& high, I& low) {
    for (int i = 0; i < 8; ++i) {
      const uint64_t product = uint64_t(uint32_t(a[i])) * b;
      high[i] = int32_t(product >> 32);
      low[i] = int32_t(product);
    }
  }
  // As floats; of unsigned words to the nearest.
  SMQ_INLINE F whole(I a) { return __builtin_convertvector(a, F); }
  SMQ_INLINE F unsigned_whole(I a) {
    return fma(whole((a >> 16) & 0xffff), set(65536.0f), whole(a & 0xffff));
  }
  // x where a < b, else y.
  SMQ_INLINE F where_less(F a, F b, F x, F y) { return a < b ? x : y; }
  // Word j of each of four, for j from 0 to 7.
  SMQ_INLINE void store_transposed(uint32_t* p, const I (&x)[4]) {
    for (int j = 0; j < 8; ++j) {
      for (int k = 0; k < 4; ++k) p[4 * j + k] = uint32_t(x[k][j]);
    }
  }
  SMQ_INLINE I no_sum() { return I{}; }
  SMQ_INLINE I add(I a, I b) { return a + b; }
  SMQ_INLINE int32_t sum(I x) {
    int32_t total = 0;
    for (int i = 0; i < 8; ++i) total += x[i];
    return total;
  }
  // From i16 or i8.
  SMQ_INLINE W load_short(const int16_t* p) {
    W x;
    std::memcpy(&x, p, sizeof x);
    return x;
  }
  SMQ_INLINE W load_short(const int8_t* p) {
    typedef int8_t Bytes __attribute__((vector_size(16)));
    Bytes x;
    std::memcpy(&x, p, sizeof x);
    return __builtin_convertvector(x, W);
  }
  SMQ_INLINE void store(int16_t* p, W x) { std::memcpy(p, &x, sizeof x); }
  // Products, the two neighbours' added up.
  SMQ_INLINE I madd(W a, W b) {
    const I x = words(a), y = words(b);
    return (x << 16 >> 16) * (y << 16 >> 16) + (x >> 16) * (y >> 16);
  }
  // The table's entries at the low nibbles of 16 bytes, and at the high ones.
  SMQ_INLINE void look_up(const int8_t* table, const uint8_t* nibbles, W& low, W& high) {
    for (int i = 0; i < 16; ++i) {
      low[i] = table[nibbles[i] & 15];
      high[i] = table[nibbles[i] >> 4];
    }
  }
  // Eight words of 32 bits.
  SMQ_INLINE I load_words(const void* p) {
    I x;
    std::memcpy(&x, p, sizeof x);
    return x;
  }
  SMQ_INLINE I low_nibbles(I x) { return x & 0x0f0f0f0f; }
  SMQ_INLINE I high_nibbles(I x) { return x >> 4 & 0x0f0f0f0f; }
  SMQ_INLINE W no_shorts() { return W{}; }
  SMQ_INLINE W set_short(int16_t x) { return W{} + x; }
  SMQ_INLINE W add_short(W a, W b) { return a + b; }
  // Of each four unsigned bytes, times the four signed ones at x, the two neighbours' products added up.
  SMQ_INLINE W dot_bytes(I unsigned_bytes, const int8_t* x) {
    const W even = shorts(unsigned_bytes & 0x00ff00ff), odd = shorts(unsigned_bytes >> 8 & 0x00ff00ff);
    return even * pairs(x[0], x[2]) + odd * pairs(x[1], x[3]);
  }
  // To the nearest whole number, ties to even, of what is below 2^24.
  SMQ_INLINE I to_whole(F x) {
    const F magic = set(12582912.0f);
    const F high = (x * 0x1p-8f + magic) - magic;
    return __builtin_convertvector(high, I) * 256 + bits((x - high * 256.0f) + magic) - 0x4b400000;
  }
  // Times 2^8.
  SMQ_INLINE I shift_up_8(I x) { return x << 8; }
  // Words of 23 bits and a sign as signed digits of 8 bits: of each four words digits 2, then 1, then 0; four
  // bytes of nothing.
  SMQ_INLINE void store_digits(int8_t* p, I x) {
    const I digits = (x + 0x808080) ^ 0x808080;
    for (int i = 0; i < 8; ++i) {
      int8_t* const to = p + i / 4 * 16 + i % 4;
      to[0] = int8_t(digits[i] >> 16);
      to[4] = int8_t(digits[i] >> 8);
      to[8] = int8_t(digits[i]);
      to[12] = 0;
    }
  }
  // Byte N of each word as a signed number.
  template <int N>
  SMQ_INLINE F byte(I words) {
    return __builtin_convertvector(words << (24 - 8 * N) >> 24, F);
  }
  // The same as e4m3, times 2^-120; what stands for NaN is 480.
  template <int N>
  SMQ_INLINE F small_float(I words) {
    return floats(words << (24 - 8 * N) >> 4 & int(0x87f00000));
  }
  // Adds the products of four signed bytes of each word with those at x, of which none is -128.
  SMQ_INLINE I add_dot(I sum, I w, const int8_t* x) {
    return sum + (w << 24 >> 24) * x[0] + (w << 16 >> 24) * x[1] + (w << 8 >> 24) * x[2] +
           (w >> 24) * x[3];
  }
  SMQ_INLINE F to_float(I x) { return __builtin_convertvector(x, F); }

 private:
  typedef uint32_t U __attribute__((vector_size(32)));
  typedef uint16_t Halves __attribute__((vector_size(16)));

  // All bits of the lanes where a > b, neither of them negative. A comparison would be taken apart into
  // single numbers by gcc 12, where the processor has no registers as wide.
  SMQ_INLINE I over(I a, int32_t b) { return (b - a) >> 31; }
  SMQ_INLINE I choose(I mask, I a, I b) { return (a & mask) | (b & ~mask); }
  SMQ_INLINE F floats(I x) {
    F y;
    std::memcpy(&y, &x, sizeof y);
    return y;
  }
  // 16 bits each.
  SMQ_INLINE I halves(const void* p) {
    Halves x;
    std::memcpy(&x, p, sizeof x);
    return __builtin_convertvector(x, I);
  }
  SMQ_INLINE void store_halves(void* p, I x) {
    const Halves low = __builtin_convertvector(x, Halves);
    std::memcpy(p, &low, sizeof low);
  }
  SMQ_INLINE W shorts(I x) {
    W y;
    std::memcpy(&y, &x, sizeof y);
    return y;
  }
  SMQ_INLINE W pairs(int16_t a, int16_t b) { return W{a, b, a, b, a, b, a, b, a, b, a, b, a, b, a, b}; }
  SMQ_INLINE I words(W x) {
    I y;
    std::memcpy(&y, &x, sizeof y);
    return y;
  }
  SMQ_INLINE I bytes(const void* p) {
    typedef int8_t Bytes __attribute__((vector_size(8)));
    typedef int16_t Words __attribute__((vector_size(16)));
    Bytes x;
    std::memcpy(&x, p, sizeof x);
    return __builtin_convertvector(__builtin_convertvector(x, Words), I);
  }
};

}  // namespace smq

// Eight floats in one AVX2 register. The functions are those of simd/plain.h.
#pragma once

#include <immintrin.h>

#include "half.h"

namespace smq {

struct Avx2 {
  using F = __m256;
  using I = __m256i;
  using W = __m256i;
  static constexpr bool kManyTiles = true;

  SMQ_INLINE F zero() { return _mm256_setzero_ps(); }
  SMQ_INLINE F set(float x) { return _mm256_set1_ps(x); }
  SMQ_INLINE F load(const float* p) { return _mm256_loadu_ps(p); }
  SMQ_INLINE F load(const f16* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  SMQ_INLINE F load(const bf16* p) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
  SMQ_INLINE F load(const e4m3* p) {
    // Of a byte whose sign has spread over the word, only the top one stays.
    const I bytes = _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    const I rest = _mm256_set1_epi32(0x07f00000);
    const I bits = _mm256_slli_epi32(bytes, 20);
    const I nan = _mm256_cmpeq_epi32(_mm256_and_si256(bits, rest), rest);
    const I kept = _mm256_and_si256(bits, _mm256_set1_epi32(int(0x87f00000)));
    const F value = _mm256_mul_ps(_mm256_castsi256_ps(kept), _mm256_set1_ps(0x1p120f));
    return _mm256_or_ps(value, _mm256_castsi256_ps(nan));
  }
  SMQ_INLINE F load(const int8_t* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }
  SMQ_INLINE void store(float* p, F x) { _mm256_storeu_ps(p, x); }
  SMQ_INLINE void store(f16* p, F x) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
  }
  SMQ_INLINE void store(bf16* p, F x) {
    const I bits = _mm256_castps_si256(x);
    const I odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const I rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    const I quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const I nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    const I high = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
    const I packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(high, high), 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(packed));
  }
  SMQ_INLINE F add(F a, F b) { return _mm256_add_ps(a, b); }
  SMQ_INLINE F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  SMQ_INLINE F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  SMQ_INLINE F div(F a, F b) { return _mm256_div_ps(a, b); }
  SMQ_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  SMQ_INLINE F max(F a, F b) { return _mm256_max_ps(a, b); }
  SMQ_INLINE F min(F a, F b) { return _mm256_min_ps(a, b); }
  SMQ_INLINE int greater(F a, F b) {
    return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ));
  }
  SMQ_INLINE float sum(F x) {
    const __m128 a = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const __m128 b = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
  }
  SMQ_INLINE F sum_eight(const float (*x)[8]) {
    const F first = four_sums(x), second = four_sums(x + 4);
    const F sums = _mm256_add_ps(_mm256_shuffle_ps(first, second, 0x88), _mm256_shuffle_ps(first, second, 0xdd));
    // Those of even rows are in the low half.
    return _mm256_permutevar8x32_ps(sums, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  }
  SMQ_INLINE I bits(F x) { return _mm256_castps_si256(x); }
  SMQ_INLINE I add(I a, int32_t b) { return _mm256_add_epi32(a, _mm256_set1_epi32(b)); }
  SMQ_INLINE I sub(I a, I b) { return _mm256_sub_epi32(a, b); }
  SMQ_INLINE I half(I a) { return _mm256_srai_epi32(a, 1); }
  SMQ_INLINE F power_of_two(I n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(add(n, 127), 23));
  }
  SMQ_INLINE I set_word(uint32_t x) { return _mm256_set1_epi32(int32_t(x)); }
  SMQ_INLINE I bit_xor(I a, I b) { return _mm256_xor_si256(a, b); }
  SMQ_INLINE I exponent_part(I a) { return _mm256_srai_epi32(a, 23); }
  SMQ_INLINE void multiply(I a, uint32_t b, I& high, I& low) {
    const I by = set_word(b);
    const I even = _mm256_mul_epu32(a, by);
    const I odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), by);
    high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
    low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
  }
  SMQ_INLINE F whole(I a) { return _mm256_cvtepi32_ps(a); }
  SMQ_INLINE F unsigned_whole(I a) {
    const F high = _mm256_cvtepi32_ps(_mm256_srli_epi32(a, 16));
    const F low = _mm256_cvtepi32_ps(_mm256_and_si256(a, _mm256_set1_epi32(0xffff)));
    return fma(high, set(65536.0f), low);
  }
  SMQ_INLINE F where_less(F a, F b, F x, F y) {
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
  }
  SMQ_INLINE void store_transposed(uint32_t* p, const I (&x)[4]) {
    const I a = _mm256_unpacklo_epi32(x[0], x[1]), b = _mm256_unpackhi_epi32(x[0], x[1]);
    const I c = _mm256_unpacklo_epi32(x[2], x[3]), d = _mm256_unpackhi_epi32(x[2], x[3]);
    const I rows[4] = {_mm256_unpacklo_epi64(a, c), _mm256_unpackhi_epi64(a, c),
                       _mm256_unpacklo_epi64(b, d), _mm256_unpackhi_epi64(b, d)};
    for (int i = 0; i < 4; ++i) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 4 * i), _mm256_castsi256_si128(rows[i]));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 16 + 4 * i), _mm256_extracti128_si256(rows[i], 1));
    }
  }
  SMQ_INLINE I no_sum() { return _mm256_setzero_si256(); }
  SMQ_INLINE I add(I a, I b) { return _mm256_add_epi32(a, b); }
  SMQ_INLINE int32_t sum(I x) {
    const __m128i a = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    const __m128i b = _mm_add_epi32(a, _mm_unpackhi_epi64(a, a));
    return _mm_cvtsi128_si32(_mm_add_epi32(b, _mm_srli_epi64(b, 32)));
  }
  SMQ_INLINE W load_short(const int16_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  SMQ_INLINE W load_short(const int8_t* p) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  SMQ_INLINE void store(int16_t* p, W x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x);
  }
  SMQ_INLINE I madd(W a, W b) { return _mm256_madd_epi16(a, b); }
  SMQ_INLINE void look_up(const int8_t* table, const uint8_t* nibbles, W& low, W& high) {
    const __m128i entries = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(nibbles));
    const __m128i mask = _mm_set1_epi8(15);
    const __m128i upper = _mm_and_si128(_mm_srli_epi16(bytes, 4), mask);
    low = _mm256_cvtepi8_epi16(_mm_shuffle_epi8(entries, _mm_and_si128(bytes, mask)));
    high = _mm256_cvtepi8_epi16(_mm_shuffle_epi8(entries, upper));
  }
  SMQ_INLINE I load_words(const void* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  SMQ_INLINE I low_nibbles(I x) { return _mm256_and_si256(x, _mm256_set1_epi8(15)); }
  SMQ_INLINE I high_nibbles(I x) { return low_nibbles(_mm256_srli_epi16(x, 4)); }
  SMQ_INLINE W no_shorts() { return _mm256_setzero_si256(); }
  SMQ_INLINE W set_short(int16_t x) { return _mm256_set1_epi16(x); }
  SMQ_INLINE W add_short(W a, W b) { return _mm256_add_epi16(a, b); }
  SMQ_INLINE W dot_bytes(I unsigned_bytes, const int8_t* x) {
    int32_t four;
    std::memcpy(&four, x, 4);
    return _mm256_maddubs_epi16(unsigned_bytes, _mm256_set1_epi32(four));
  }
  SMQ_INLINE I to_whole(F x) { return _mm256_cvtps_epi32(x); }
  SMQ_INLINE I shift_up_8(I x) { return _mm256_slli_epi32(x, 8); }
  SMQ_INLINE void store_digits(int8_t* p, I x) {
    const I half = _mm256_set1_epi32(0x808080);
    const I digits = _mm256_xor_si256(_mm256_add_epi32(x, half), half);
    const I order = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(2, 6, 10, 14, 1, 5, 9, 13, 0, 4, 8, 12, -1, -1, -1, -1));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_shuffle_epi8(digits, order));
  }
  template <int N>
  SMQ_INLINE F byte(I words) {
    // Moving bytes takes half of what a shift does where registers are halves.
    const I order = _mm256_broadcastsi128_si256(_mm_setr_epi8(-1, -1, -1, N, -1, -1, -1, N + 4, -1, -1, -1, N + 8,
                                                              -1, -1, -1, N + 12));
    return _mm256_cvtepi32_ps(_mm256_srai_epi32(N < 3 ? _mm256_shuffle_epi8(words, order) : words, 24));
  }
  template <int N>
  SMQ_INLINE F small_float(I words) {
    // A sign that has spread over the bits above the exponent's four.
    const I bits = _mm256_srai_epi32(N < 3 ? _mm256_slli_epi32(words, 24 - 8 * N) : words, 4);
    return _mm256_castsi256_ps(_mm256_and_si256(bits, _mm256_set1_epi32(int(0x87f00000))));
  }
  SMQ_INLINE I add_dot(I sum, I w, const int8_t* x) {
    int32_t four;
    std::memcpy(&four, x, 4);
    // |w| and x with w's sign, as -128 has no opposite and is no x; no two products leave 16 bits.
    const I magnitudes = _mm256_abs_epi8(w);
    const I pairs = _mm256_maddubs_epi16(magnitudes, _mm256_sign_epi8(_mm256_set1_epi32(four), w));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  SMQ_INLINE F to_float(I x) { return _mm256_cvtepi32_ps(x); }

 private:
  // The lower and upper halves of two rows, added.
  SMQ_INLINE F two_halves(const float (*x)[8]) {
    const F a = load(x[0]), b = load(x[1]);
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
  }
  // Of four rows two sums each: rows 0 and 2 in the low half, 1 and 3 in the high one.
  SMQ_INLINE F four_sums(const float (*x)[8]) {
    const F a = two_halves(x), b = two_halves(x + 2);
    return _mm256_add_ps(_mm256_shuffle_ps(a, b, 0x44), _mm256_shuffle_ps(a, b, 0xee));
  }
};

}  // namespace smq

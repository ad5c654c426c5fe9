// Sums of four-bit weights for eight outputs, one a lane, in integers. The inputs of a block (at most kBlockSteps
// steps of one group) are whole numbers of 23 bits and a sign, times one power of two: of f16 all that is above
// 2^-12 of the block's largest, exactly. Such a number has three digits of eight bits, products of a nibble and
// a digit fit 16 bits for a whole block, and so a block's sum is exact and has no order. Blocks are added in
// order, scaled, fused. How many rows run side by side does not show in the bits.
#pragma once

#include "common/abi.h"
#include "gemm/lane_tile.kernel.h"

namespace smq {

constexpr int32_t kBlockSteps = 4;   // 32 inputs: 16 products of 15 and 128 in each half of a lane
constexpr int32_t kStepBytes = 32;   // digits of a step of inputs: twice of four inputs 2, 1, 0 and none

// Behind the digits of a row, for each block: its power of two; and for kCentered -8 times the sum of its
// numbers, digits 2 and 1 and digit 0 apart. For the other terms the sums of groups.
struct BesideNibbles {
  const float *scales, *sums;
  const int32_t *upper, *lower;

  SMQ_MEMBER BesideNibbles(const float* row, int32_t k)
      : scales(row + k),
        sums(scales + 3 * (k / 8)),
        upper(reinterpret_cast<const int32_t*>(scales + k / 8)),
        lower(upper + k / 8) {}
};

// Adds the products of one digit of a step's inputs.
template <class S>
SMQ_INLINE typename S::W add_digit(typename S::W sum, typename S::I low, typename S::I high, const int8_t* x) {
  return S::add_short(S::add_short(sum, S::dot_bytes(low, x)), S::dot_bytes(high, x + kStepBytes / 2));
}

// M rows from x on.
template <class S, int M, Terms kTerms>
SMQ_INLINE void nibble_tile(typename S::F (&total)[M], const LanePanel& panel, const float* rows,
                            int64_t x_stride, int32_t k, int32_t group) {
  using F = typename S::F;
  const uint8_t* words = panel.words;
  const int32_t steps = k / kStep;
  const auto one = S::set_short(1), up = S::set_short(256);
  const int8_t* x[M];
  const BesideNibbles first(rows, k);
#pragma GCC unroll 4
  for (int m = 0; m < M; ++m) {
    total[m] = S::zero();
    x[m] = reinterpret_cast<const int8_t*>(rows + m * x_stride);
    asm("" : "+r"(x[m]));  // see lane_tile
  }
  int32_t block = 0;
  for (int32_t at = 0, g = 0; at < steps; ++g) {
    const int32_t end = steps - at < group / kStep ? steps : at + group / kStep;
    const F scale = S::load(panel.scales + g * kLanes);
    for (; at < end; ++block) {
      const int32_t stop = end - at < kBlockSteps ? end : at + kBlockSteps;
      typename S::W sums[M][3];
#pragma GCC unroll 4
      for (int m = 0; m < M; ++m) sums[m][0] = sums[m][1] = sums[m][2] = S::no_shorts();
#pragma GCC unroll 1
      for (; at < stop; ++at, words += 32) {
        const auto both = S::load_words(words);
        const auto low = S::low_nibbles(both), high = S::high_nibbles(both);
#pragma GCC unroll 4
        for (int m = 0; m < M; ++m) {
          const int8_t* digits = x[m] + int64_t(at) * kStepBytes;
          sums[m][0] = add_digit<S>(sums[m][0], low, high, digits);
          sums[m][1] = add_digit<S>(sums[m][1], low, high, digits + 4);
          sums[m][2] = add_digit<S>(sums[m][2], low, high, digits + 8);
        }
      }
#pragma GCC unroll 4
      for (int m = 0; m < M; ++m) {
        auto upper = S::add(S::madd(sums[m][0], up), S::madd(sums[m][1], one));
        auto lower = S::madd(sums[m][2], one);
        const int64_t own = m * x_stride + block;
        if constexpr (kTerms == Terms::kCentered) {
          upper = S::add(upper, first.upper[own]);
          lower = S::add(lower, first.lower[own]);
        }
        const F sum = S::fma(S::to_float(upper), S::set(256.0f), S::to_float(lower));
        total[m] = S::fma(sum, S::mul(scale, S::set(first.scales[own])), total[m]);
      }
    }
    if constexpr (has_second(kTerms)) {
      const F added = what_is_added<S, kTerms>(panel, g, scale);
#pragma GCC unroll 4
      for (int m = 0; m < M; ++m) total[m] = S::fma(added, S::set(first.sums[m * x_stride + g]), total[m]);
    }
  }
}

// Takes the inputs of a block apart, where they stand, and gives their power of two. A block that holds what
// is not finite has the power NaN.
template <class S>
SMQ_INLINE float split_block(float* x, int32_t steps, int32_t& upper, int32_t& lower) {
  int32_t largest = 0;
  for (int32_t i = 0; i < steps * kStep; ++i) {
    const int32_t bits = int32_t(float_bits(x[i]) & 0x7fffffff);
    largest = bits > largest ? bits : largest;
  }
  const bool finite = largest < 0x7f800000;
  // The exponent of the largest, one more where three digits would not hold it, and none so small that a
  // power below is no normal number.
  int32_t exponent = (largest + 0x20000) >> 23;
  if (exponent < 23) exponent = 23;
  const auto up = S::set(finite ? bits_float(uint32_t(276 - exponent) << 23) : 0.0f);
  auto uppers = S::no_sum(), lowers = S::no_sum();
  for (int32_t s = 0; s < steps; ++s) {
    float* const step = x + s * kStep;
    // Not 0 * infinity, which is no whole number.
    const auto whole = finite ? S::to_whole(S::mul(S::load(step), up)) : S::no_sum();
    const auto digit = S::low_bytes(whole);
    lowers = S::add(lowers, digit);
    uppers = S::add(uppers, S::sub(whole, digit));
    S::store_digits(reinterpret_cast<int8_t*>(step), whole);
  }
  upper = S::sum(uppers) / 256;
  lower = S::sum(lowers);
  return finite ? bits_float(uint32_t(exponent - 22) << 23) : __builtin_nanf("");
}

// A row of k inputs as nibble_tile reads it.
template <class S, Terms kTerms>
void nibble_row(float* row, int32_t k, int32_t group) {
  float* const scales = row + k;
  int32_t* const uppers = reinterpret_cast<int32_t*>(scales + k / 8);
  int32_t* const lowers = uppers + k / 8;
  float* sums = scales + 3 * (k / 8);
  int32_t block = 0;
  for (int32_t from = 0; from < k; from += group) {
    const int32_t end = k - from < group ? k : from + group;
    float sum = 0;
    for (int32_t i = from; i < end; i += kBlockSteps * kStep, ++block) {
      const int32_t steps = end - i < kBlockSteps * kStep ? (end - i) / kStep : kBlockSteps;
      if constexpr (has_second(kTerms)) {
        for (int32_t s = 0; s < steps; ++s) sum += S::sum(S::load(row + i + s * kStep));
      }
      scales[block] = split_block<S>(row + i, steps, uppers[block], lowers[block]);
      uppers[block] *= -8;
      lowers[block] *= -8;
    }
    *sums++ = sum;
  }
}

}  // namespace smq

// Sums of four-bit weights for eight outputs, one a lane. The inputs of a block (at most kBlockSteps steps of one
// group) are whole numbers of 17 bits and a sign, times one power of two; what that rounds away is at most 2^-17 of
// the block's largest input. The sum of a block's products is then a whole number too, which is summed exactly,
// whatever the order: by few rows in integers, from three digits of eight bits, whose products with a nibble fit
// 16 bits for a whole block; by many rows in f32 from widened weights, where eight products fit 24 bits. Blocks
// are added in order, scaled, fused. So neither shows in the bits, nor how many rows run side by side.
#pragma once

#include "common/abi.h"
#include "gemm/lane_tile.kernel.h"

namespace smq {

constexpr int32_t kBlockSteps = 4;   // 32 inputs: 16 products of 15 and 128 in each half of a lane
constexpr int32_t kStepBytes = 32;   // digits of a step of inputs: twice of four inputs 2, 1, 0 and none

// Behind the inputs of a row: the power of two of each block; -8 times the sum of its whole numbers, for
// kCentered; the sum of each group, for what has something added.
struct BesideNibbles {
  const float *scales, *sums;
  const int32_t* centers;

  SMQ_MEMBER BesideNibbles(const float* row, int32_t k)
      : scales(row + k),
        sums(scales + 2 * (k / 8)),
        centers(reinterpret_cast<const int32_t*>(scales + k / 8)) {}
};

// Adds the products of one digit of a step's inputs.
template <class S>
SMQ_INLINE typename S::W add_digit(typename S::W sum, typename S::I low, typename S::I high, const int8_t* x) {
  return S::add_short(S::add_short(sum, S::dot_bytes(low, x)), S::dot_bytes(high, x + kStepBytes / 2));
}

// Adds what group g adds to M rows.
template <class S, int M, Terms kTerms>
SMQ_INLINE void add_second(typename S::F (&total)[M], const LanePanel& panel, int32_t g, typename S::F scale,
                           const float* sums, int64_t x_stride) {
  if constexpr (has_second(kTerms)) {
    const auto added = what_is_added<S, kTerms>(panel, g, scale);
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) total[m] = S::fma(added, S::set(sums[m * x_stride + g]), total[m]);
  }
}

// M rows of digits from x on.
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
        const auto upper = S::add(S::madd(sums[m][0], up), S::madd(sums[m][1], one));
        auto whole = S::add(S::shift_up_8(upper), S::madd(sums[m][2], one));
        const int64_t own = m * x_stride + block;
        if constexpr (kTerms == Terms::kCentered) whole = S::add(whole, first.centers[own]);
        total[m] = S::fma(S::to_float(whole), S::mul(scale, S::set(first.scales[own])), total[m]);
      }
    }
    add_second<S, M, kTerms>(total, panel, g, scale, first.sums, x_stride);
  }
}

// M rows of whole numbers in f32, of a panel that is widened.
template <class S, int M, Terms kTerms>
SMQ_INLINE void wide_nibble_tile(typename S::F (&total)[M], const LanePanel& panel, const float* rows,
                                 int64_t x_stride, int32_t k, int32_t group) {
  using F = typename S::F;
  const uint8_t* words = panel.words;
  const int32_t steps = k / kStep;
  const float* x[M];
  const BesideNibbles first(rows, k);
#pragma GCC unroll 4
  for (int m = 0; m < M; ++m) {
    total[m] = S::zero();
    x[m] = rows + m * x_stride;
    asm("" : "+r"(x[m]));  // see lane_tile
  }
  int32_t block = 0;
  for (int32_t at = 0, g = 0; at < steps; ++g) {
    const int32_t end = steps - at < group / kStep ? steps : at + group / kStep;
    const F scale = S::load(panel.scales + g * kLanes);
    for (; at < end; ++block) {
      const int32_t stop = end - at < kBlockSteps ? end : at + kBlockSteps;
      typename S::I whole[M];
#pragma GCC unroll 4
      for (int m = 0; m < M; ++m) whole[m] = S::no_sum();
#pragma GCC unroll 1
      for (; at < stop; ++at, words += WideStep<S>::kBytes) {
        F sums[M];
#pragma GCC unroll 4
        for (int m = 0; m < M; ++m) sums[m] = S::zero();
        add_step<S>(sums, WideStep<S>(words), x, int64_t(at) * kStep);
#pragma GCC unroll 4
        for (int m = 0; m < M; ++m) whole[m] = S::add(whole[m], S::to_whole(sums[m]));
      }
#pragma GCC unroll 4
      for (int m = 0; m < M; ++m) {
        const auto by = S::mul(scale, S::set(first.scales[m * x_stride + block]));
        total[m] = S::fma(S::to_float(whole[m]), by, total[m]);
      }
    }
    add_second<S, M, kTerms>(total, panel, g, scale, first.sums, x_stride);
  }
}

// Turns the inputs of a block into whole numbers where they stand, as digits or in f32, and gives their power of
// two: NaN, with zeros, where one is not finite. `sum` is that of the whole numbers.
template <class S, bool kDigits>
SMQ_INLINE float round_block(float* x, int32_t steps, int32_t& sum) {
  int32_t largest = 0;
  for (int32_t i = 0; i < steps * kStep; ++i) {
    const int32_t bits = int32_t(float_bits(x[i]) & 0x7fffffff);
    largest = bits > largest ? bits : largest;
  }
  const bool finite = largest < 0x7f800000;
  // The exponent of the largest, one more where it would round to 2^17, and none so small that a power below is no
  // normal number.
  int32_t exponent = (largest + 0x20000) >> 23;
  if (exponent < 17) exponent = 17;
  const auto up = S::set(bits_float(uint32_t(finite ? 270 - exponent : 0) << 23));
  auto sums = S::no_sum();
  for (int32_t s = 0; s < steps; ++s) {
    float* const step = x + s * kStep;
    const auto whole = finite ? S::to_whole(S::mul(S::load(step), up)) : S::no_sum();
    sums = S::add(sums, whole);
    if constexpr (kDigits) {
      S::store_digits(reinterpret_cast<int8_t*>(step), whole);
    } else {
      S::store(step, S::to_float(whole));
    }
  }
  sum = S::sum(sums);
  return finite ? bits_float(uint32_t(exponent - 16) << 23) : __builtin_nanf("");
}

// A row of k inputs as the tiles read it.
template <class S, Terms kTerms, bool kDigits>
void nibble_row(float* row, int32_t k, int32_t group) {
  float* const scales = row + k;
  int32_t* const centers = reinterpret_cast<int32_t*>(scales + k / 8);
  float* sums = scales + 2 * (k / 8);
  int32_t block = 0;
  for (int32_t from = 0; from < k; from += group) {
    const int32_t end = k - from < group ? k : from + group;
    float sum = 0;
    for (int32_t i = from; i < end; i += kBlockSteps * kStep, ++block) {
      const int32_t steps = end - i < kBlockSteps * kStep ? (end - i) / kStep : kBlockSteps;
      if constexpr (has_second(kTerms)) {
        for (int32_t s = 0; s < steps; ++s) sum += S::sum(S::load(row + i + s * kStep));
      }
      int32_t whole;
      scales[block] = round_block<S, kDigits>(row + i, steps, whole);
      centers[block] = -8 * whole;
    }
    if constexpr (has_second(kTerms)) *sums++ = sum;
  }
}

}  // namespace smq

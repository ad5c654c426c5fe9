// Sums of f32 for eight outputs, one a lane. An output of a row is always the same sum: of the products of
// kStep inputs in order, fused; those sums in order, scaled by their group's scale; and behind each group what
// is added to all of its inputs. How many rows run side by side, and whether weights were widened before, do
// not show in the bits.
#pragma once

#include "common/abi.h"
#include "gemm/lanes.h"
#include "kernels.h"
#include "simd/math.h"

namespace smq {

// What makes a weight of its element q: nothing, q s, (q - 8) s, (q - z) s, q s + o.
enum class Terms { kBare, kScaled, kCentered, kPoints, kOffsets };

// Whether the head holds a second array, of z or o.
constexpr bool has_second(Terms terms) { return terms == Terms::kPoints || terms == Terms::kOffsets; }

// Storages: a step of kStep inputs of eight outputs in kBytes, of which `get<N>` widens input N.
// Nibbles, less 8 where they are centered.
template <class S, bool kCentered>
struct NibbleStep {
  static constexpr int64_t kBytes = 32;
  typename S::I low, high;
  SMQ_MEMBER explicit NibbleStep(const uint8_t* p)
      : low(S::low_nibbles(S::load_words(p))), high(S::high_nibbles(S::load_words(p))) {}
  template <int N>
  SMQ_MEMBER typename S::F get() const {
    const auto q = S::template byte<N % 4>(N < 4 ? low : high);
    return kCentered ? S::sub(q, S::set(8.0f)) : q;
  }
};

template <class S>
struct ByteStep {
  static constexpr int64_t kBytes = 64;
  typename S::I low, high;
  SMQ_MEMBER explicit ByteStep(const uint8_t* p) : low(S::load_words(p)), high(S::load_words(p + 32)) {}
  template <int N>
  SMQ_MEMBER typename S::F get() const {
    return S::template byte<N % 4>(N < 4 ? low : high);
  }
};

// e4m3, times 2^-120; NaN is 480.
template <class S>
struct Float8Step : ByteStep<S> {
  using ByteStep<S>::ByteStep;
  template <int N>
  SMQ_MEMBER typename S::F get() const {
    return S::template small_float<N % 4>(N < 4 ? this->low : this->high);
  }
};

// What one of the others was widened to.
template <class S>
struct WideStep {
  static constexpr int64_t kBytes = kStep * kLanes * 4;
  const uint8_t* p;
  SMQ_MEMBER explicit WideStep(const uint8_t* from) : p(from) {}
  template <int N>
  SMQ_MEMBER typename S::F get() const {
    return S::load(reinterpret_cast<const float*>(p) + N * kLanes);
  }
};

// A panel: its words, which may have been widened, and the two arrays of its head.
struct LanePanel {
  const uint8_t* words;
  const f16 *scales, *second;
};

// What group g adds to each of its inputs' weights.
template <class S, Terms kTerms>
SMQ_INLINE typename S::F what_is_added(const LanePanel& panel, int32_t g, typename S::F scale) {
  const auto second = S::load(panel.second + g * kLanes);
  return kTerms == Terms::kPoints ? S::mul(second, S::sub(S::zero(), scale)) : second;
}

// Adds the products of input N with M rows.
template <class S, int N, int M, class Step>
SMQ_INLINE void add_input(typename S::F (&sums)[M], const Step& step, const float* const (&x)[M],
                          int64_t from) {
  const auto w = step.template get<N>();
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) sums[m] = S::fma(w, S::set(x[m][from + N]), sums[m]);
}

// Adds those of a step.
template <class S, int M, class Step>
SMQ_INLINE void add_step(typename S::F (&sums)[M], const Step& step, const float* const (&x)[M], int64_t from) {
  add_input<S, 0>(sums, step, x, from);
  add_input<S, 1>(sums, step, x, from);
  add_input<S, 2>(sums, step, x, from);
  add_input<S, 3>(sums, step, x, from);
  add_input<S, 4>(sums, step, x, from);
  add_input<S, 5>(sums, step, x, from);
  add_input<S, 6>(sums, step, x, from);
  add_input<S, 7>(sums, step, x, from);
}

// M rows from x on. Where something is added, sums_row has put the sums of groups behind the k inputs of a row.
template <class S, int M, Terms kTerms, class Step>
SMQ_INLINE void lane_tile(typename S::F (&total)[M], const LanePanel& panel, const float* rows,
                          int64_t x_stride, int32_t k, int32_t group) {
  using F = typename S::F;
  const float* sums_of = rows + k;
  const float* x[M];
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) {
    x[m] = rows + m * x_stride;
    // Or gcc gives each of the 8 M places of a step a register, and has none left.
    asm("" : "+r"(x[m]));
  }
  const uint8_t* words = panel.words;
  const int32_t steps = k / kStep;
  const int32_t group_steps = kTerms == Terms::kBare ? steps : group / kStep;
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) total[m] = S::zero();
  int32_t at = 0;
  for (int32_t g = 0; at < steps; ++g) {
    const int32_t end = steps - at < group_steps ? steps : at + group_steps;
    F scale = S::zero();
    if constexpr (kTerms != Terms::kBare) scale = S::load(panel.scales + g * kLanes);
    for (; at < end; ++at, words += Step::kBytes) {
      const Step step(words);
      F sums[M];
#pragma GCC unroll 8
      for (int m = 0; m < M; ++m) {
        sums[m] = S::zero();
      }
      add_step<S>(sums, step, x, int64_t(at) * kStep);
#pragma GCC unroll 8
      for (int m = 0; m < M; ++m) {
        total[m] = kTerms == Terms::kBare ? S::add(total[m], sums[m]) : S::fma(sums[m], scale, total[m]);
      }
    }
    if constexpr (has_second(kTerms)) {
      const F added = what_is_added<S, kTerms>(panel, g, scale);
#pragma GCC unroll 8
      for (int m = 0; m < M; ++m) {
        total[m] = S::fma(added, S::set(sums_of[m * x_stride + g]), total[m]);
      }
    }
  }
}

// Widens the words of a panel.
template <class S, class Step>
void widen_panel(float* out, const uint8_t* words, int32_t k) {
  for (int32_t i = 0; i < k; i += kStep, words += Step::kBytes, out += kStep * kLanes) {
    const Step step(words);
    S::store(out, step.template get<0>());
    S::store(out + 8, step.template get<1>());
    S::store(out + 16, step.template get<2>());
    S::store(out + 24, step.template get<3>());
    S::store(out + 32, step.template get<4>());
    S::store(out + 40, step.template get<5>());
    S::store(out + 48, step.template get<6>());
    S::store(out + 56, step.template get<7>());
  }
}

// Behind a row of k inputs the sum of each group.
template <class S>
void sums_row(float* row, int32_t k, int32_t group) {
  float* sums = row + k;
  for (int32_t from = 0; from < k; from += group) {
    const int32_t end = k - from < group ? k : from + group;
    float sum = 0;
    for (int32_t i = from; i < end; i += kStep) sum += S::sum(S::load(row + i));
    *sums++ = sum;
  }
}

}  // namespace smq

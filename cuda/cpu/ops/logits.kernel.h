// Kernels on a row of logits. NaN compares as smaller than everything.
#pragma once

#include "simd/math.h"

namespace smq {

template <class S>
void log_softmax_row(const float* x, int32_t count, float* largest, float* log_sum) {
  const float none = -__builtin_inff();
  auto tops = S::set(none);
  int32_t i = 0;
  for (; i + 8 <= count; i += 8) tops = S::max(S::load(x + i), tops);
  float lanes[8];
  S::store(lanes, tops);
  float top = none;
  for (int j = 0; j < 8; ++j) top = lanes[j] > top ? lanes[j] : top;
  for (; i < count; ++i) top = x[i] > top ? x[i] : top;
  const auto shift = S::set(top);
  // In pieces whose sums are added in f64: a single f32 would lose small terms to the sum of many.
  constexpr int32_t kPiece = 256;
  double total = 0;
  for (int32_t from = 0; from < count; from += kPiece) {
    const int32_t end = count - from < kPiece ? count : from + kPiece;
    auto sum = S::zero();
    for (i = from; i + 8 <= end; i += 8) sum = S::add(sum, exp<S>(S::sub(S::load(x + i), shift)));
    if (i < end) {
      float rest[8];
      for (int32_t j = 0; j < 8; ++j) rest[j] = i + j < end ? x[i + j] : none;
      sum = S::add(sum, exp<S>(S::sub(S::load(rest), shift)));
    }
    total += double(S::sum(sum));
  }
  *largest = top;
  *log_sum = float(__builtin_log(total));
}

template <class S>
void top_log_probs_row(float* values, int32_t* ids, const float* x, int32_t count, int32_t topk) {
  float largest, log_sum;
  log_softmax_row<S>(x, count, &largest, &log_sum);
  const auto shift = S::set(largest);
  const auto below = S::set(log_sum);
  int32_t held = 0;
  // Entries come in the order of their index, so an equal one belongs behind those that are held.
  const auto visit = [&](float value, int32_t id) {
    if (!(value == value)) return;
    if (held == topk) {
      if (!(value > values[topk - 1])) return;
      --held;
    }
    int32_t place = held++;
    for (; place > 0 && value > values[place - 1]; --place) {
      values[place] = values[place - 1];
      ids[place] = ids[place - 1];
    }
    values[place] = value;
    ids[place] = id;
  };
  int32_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const auto v = S::sub(S::sub(S::load(x + i), shift), below);
    if (held == topk && !S::greater(v, S::set(values[topk - 1]))) continue;
    float lanes[8];
    S::store(lanes, v);
    for (int32_t j = 0; j < 8; ++j) visit(lanes[j], i + j);
  }
  for (; i < count; ++i) visit((x[i] - largest) - log_sum, i);
  // Only NaN is left: the lowest indices that are not held yet.
  for (int32_t id = 0; held < topk; ++id) {
    bool taken = false;
    for (int32_t j = 0; j < held; ++j) taken = taken || ids[j] == id;
    if (taken) continue;
    values[held] = __builtin_nanf("");
    ids[held++] = id;
  }
}

}  // namespace smq

// Kernels on a single row: conversion, RMS norm, the gated activation.
#pragma once

#include "simd/math.h"

namespace smq {

template <class S, class T>
void widen_row(void* out, const void* x, int64_t count) {
  float* to = static_cast<float*>(out);
  const T* in = static_cast<const T*>(x);
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) S::store(to + i, S::load(in + i));
  if (i < count) store_some<S>(to + i, load_some<S>(in + i, count - i), count - i);
}

// From i8 to i16.
template <class S>
void widen_bytes(void* out, const void* x, int64_t count) {
  int16_t* to = static_cast<int16_t*>(out);
  const int8_t* in = static_cast<const int8_t*>(x);
  for (int64_t i = 0; i < count; ++i) to[i] = in[i];
}

template <class S, class T>
void narrow_row(void* out, const float* x, int64_t count) {
  T* to = static_cast<T*>(out);
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) S::store(to + i, S::load(x + i));
  if (i < count) store_some<S>(to + i, load_some<S>(x + i, count - i), count - i);
}

// 1 / sqrt(mean(x^2) + eps) of a row of any dtype.
template <class S, class T>
SMQ_INLINE float inverse_rms(const T* x, int32_t width, float eps) {
  typename S::F squares = S::zero();
  int32_t i = 0;
  for (; i + 8 <= width; i += 8) {
    const auto v = S::load(x + i);
    squares = S::fma(v, v, squares);
  }
  if (i < width) {
    const auto v = load_some<S>(x + i, width - i);
    squares = S::fma(v, v, squares);
  }
  return 1.0f / __builtin_sqrtf(S::sum(squares) / float(width) + eps);
}

template <class S, class T, class Out>
void rms_norm_row(void* out, const float* x, const void* weight, int32_t width, float eps) {
  Out* to = static_cast<Out*>(out);
  const T* by = static_cast<const T*>(weight);
  const auto scale = S::set(inverse_rms<S>(x, width, eps));
  int32_t i = 0;
  for (; i + 8 <= width; i += 8) {
    S::store(to + i, S::mul(S::mul(S::load(x + i), scale), S::load(by + i)));
  }
  if (i < width) {
    const auto v = S::mul(load_some<S>(x + i, width - i), scale);
    store_some<S>(to + i, S::mul(v, load_some<S>(by + i, width - i)), width - i);
  }
}

// gate * up / (1 + e^-gate)
template <class S>
SMQ_INLINE typename S::F silu_mul(typename S::F gate, typename S::F up) {
  const auto bottom = S::add(S::set(1.0f), exp<S>(S::sub(S::zero(), gate)));
  return S::mul(S::div(gate, bottom), up);
}

template <class S, class T, class Out>
void silu_mul_row(void* out, const void* gate, const void* up, int64_t count) {
  Out* to = static_cast<Out*>(out);
  const T* g = static_cast<const T*>(gate);
  const T* u = static_cast<const T*>(up);
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    S::store(to + i, silu_mul<S>(S::load(g + i), S::load(u + i)));
  }
  if (i < count) {
    const int64_t rest = count - i;
    store_some<S>(to + i, silu_mul<S>(load_some<S>(g + i, rest), load_some<S>(u + i, rest)), rest);
  }
}

}  // namespace smq

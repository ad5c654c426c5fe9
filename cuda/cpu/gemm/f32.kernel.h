// Tiles of a product of packed f32 operands: a strip of rows times a strip of columns stays in registers
// from the first depth to the last.
#pragma once

#include "kernels.h"
#include "simd/math.h"

namespace smq {

// y with the product, as `update` says.
template <class S>
SMQ_INLINE typename S::F updated(typename S::F y, typename S::F product, int32_t update) {
  if (update == SMQ_SET) return product;
  return update == SMQ_ADD ? S::add(y, product) : S::sub(y, product);
}

// One tile, at most kStripRows x kStripColumns, of which y holds rows x columns.
template <class S>
SMQ_INLINE void strip_tile(const float* a, const float* b, int32_t k, float* y, int64_t y_stride,
                           int32_t rows, int32_t columns, int32_t update) {
  using F = typename S::F;
  constexpr int kVectors = kStripColumns / 8;
  // What y holds is wanted at the end, and may come from far.
  for (int32_t i = 0; i < rows; ++i) __builtin_prefetch(y + i * y_stride);
  F sums[kStripRows][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kStripRows; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[i][v] = S::zero();
  }
  for (int32_t depth = 0; depth < k; ++depth, a += kStripRows, b += kStripColumns) {
    F right[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) right[v] = S::load(b + 8 * v);
#pragma GCC unroll 8
    for (int i = 0; i < kStripRows; ++i) {
      const F left = S::set(a[i]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sums[i][v] = S::fma(left, right[v], sums[i][v]);
    }
  }
  const bool whole = rows == kStripRows && columns == kStripColumns;
#pragma GCC unroll 8
  for (int i = 0; i < kStripRows; ++i) {
    if (i >= rows) break;
    float* const row = y + i * y_stride;
    float edge[kStripColumns] = {};
    float* const out = whole ? row : edge;
    if (!whole && update != SMQ_SET) {
      for (int32_t j = 0; j < columns; ++j) edge[j] = row[j];
    }
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const F before = update == SMQ_SET ? S::zero() : S::load(out + 8 * v);
      S::store(out + 8 * v, updated<S>(before, sums[i][v], update));
    }
    if (!whole) {
      for (int32_t j = 0; j < columns; ++j) row[j] = edge[j];
    }
  }
}

template <class S>
void gemm_packed(const PackedF32& args) {
  // A strip of b stays in the nearest cache while all strips of a pass.
  for (int32_t j = 0; j < args.n; j += kStripColumns) {
    const int32_t columns = args.n - j < kStripColumns ? args.n - j : kStripColumns;
    for (int32_t i = 0; i < args.m; i += kStripRows) {
      const int32_t rows = args.m - i < kStripRows ? args.m - i : kStripRows;
      strip_tile<S>(args.a + int64_t(i) * args.k, args.b + int64_t(j) * args.k, args.k,
                    args.y + i * args.y_stride + j, args.y_stride, rows, columns, args.update);
    }
  }
}

}  // namespace smq

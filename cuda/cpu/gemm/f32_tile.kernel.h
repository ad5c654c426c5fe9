// Sums of f32. An output of a row is always the same sum: eight lanes, lane j over the inputs 8 t + j in
// the order of t, fused, then added up in a fixed tree. Tiles of rows and outputs only decide which sums
// run side by side, so they do not show in the bits.
#pragma once

#include "gemm/readers.kernel.h"

namespace smq {

// One step of a tile: widens the weights of N outputs and adds their products with M rows.
template <class S, int I, int M, int N, class Block>
SMQ_INLINE void tile_step(typename S::F (&sums)[M][N], const Block (&blocks)[N], const float* x,
                          int64_t x_stride) {
  typename S::F w[N];
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) w[n] = blocks[n].template step<I>();
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) {
    const auto input = S::load(x + m * x_stride + 8 * I);
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) sums[m][n] = S::fma(input, w[n], sums[m][n]);
  }
}

// M rows from x on times N outputs from `output` on.
template <class S, int M, int N, class Reader>
SMQ_INLINE void tile(float (&out)[M][N], const Reader& reader, int32_t output, const float* x,
                     int64_t x_stride, int32_t k) {
  typename S::F sums[M][N];
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) sums[m][n] = S::zero();
  }
  typename Reader::Block blocks[N];
  typename Reader::Scales at;
  int32_t b = 0;
  const auto fetch = [&] {
    reader.select(at, b);
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) blocks[n] = reader.block(output + n, b, at);
  };
  for (; (b + 1) * kBlock <= k; ++b, x += kBlock) {
    fetch();
    tile_step<S, 0, M, N>(sums, blocks, x, x_stride);
    tile_step<S, 1, M, N>(sums, blocks, x, x_stride);
    tile_step<S, 2, M, N>(sums, blocks, x, x_stride);
    tile_step<S, 3, M, N>(sums, blocks, x, x_stride);
    tile_step<S, 4, M, N>(sums, blocks, x, x_stride);
    tile_step<S, 5, M, N>(sums, blocks, x, x_stride);
    tile_step<S, 6, M, N>(sums, blocks, x, x_stride);
    tile_step<S, 7, M, N>(sums, blocks, x, x_stride);
  }
  const int32_t left = k - b * kBlock;
  if (left >= 8) {
    fetch();
    tile_step<S, 0, M, N>(sums, blocks, x, x_stride);
    if (left >= 16) tile_step<S, 1, M, N>(sums, blocks, x, x_stride);
    if (left >= 24) tile_step<S, 2, M, N>(sums, blocks, x, x_stride);
    if (left >= 32) tile_step<S, 3, M, N>(sums, blocks, x, x_stride);
    if (left >= 40) tile_step<S, 4, M, N>(sums, blocks, x, x_stride);
    if (left >= 48) tile_step<S, 5, M, N>(sums, blocks, x, x_stride);
    if (left >= 56) tile_step<S, 6, M, N>(sums, blocks, x, x_stride);
  }
  if (left % 8 != 0) {
    for (int n = 0; n < N; ++n) {
      const auto w = reader.rest(output + n, k / 8 * 8, k % 8);
      for (int m = 0; m < M; ++m) {
        sums[m][n] = S::fma(S::load(x + m * x_stride + left / 8 * 8), w, sums[m][n]);
      }
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) out[m][n] = S::sum(sums[m][n]);
  }
}

// Widens one output of a reader into a panel's row.
template <class S, class Reader>
void widen_output(float* out, const Reader& reader, int32_t output, int32_t k) {
  typename Reader::Scales at;
  for (int32_t from = 0; from < k; from += kBlock) {
    reader.select(at, from / kBlock);
    const auto block = reader.block(output, from / kBlock, at);
    const int32_t left = k - from;
    float* p = out + from;
    if (left >= 8) S::store(p, block.template step<0>());
    if (left >= 16) S::store(p + 8, block.template step<1>());
    if (left >= 24) S::store(p + 16, block.template step<2>());
    if (left >= 32) S::store(p + 24, block.template step<3>());
    if (left >= 40) S::store(p + 32, block.template step<4>());
    if (left >= 48) S::store(p + 40, block.template step<5>());
    if (left >= 56) S::store(p + 48, block.template step<6>());
    if (left >= 64) S::store(p + 56, block.template step<7>());
  }
  if (k % 8 != 0) S::store(out + k / 8 * 8, reader.rest(output, k / 8 * 8, k % 8));
}

}  // namespace smq

// Sums of products of 8-bit integers: exact, so their order does not matter. Rows stand in 16 bits, two
// products are added up in 32 bits by one instruction, and nothing saturates.
#pragma once

#include "common/abi.h"
#include "kernels.h"
#include "simd/math.h"

namespace smq {

constexpr int32_t kIntBlock = 32;  // inputs in one block: two steps of sixteen

// A reader hands out blocks of 32 inputs, widened in two halves. Rows of i8, or of a panel's i16:
template <class S, class T>
struct IntRowReader {
  using Input = int16_t;
  using Sum = int32_t;
  const T* w;
  int64_t stride;

  struct Block {
    const T* p;
    SMQ_MEMBER typename S::W low() const { return S::load_short(p); }
    SMQ_MEMBER typename S::W high() const { return S::load_short(p + 16); }
  };
  SMQ_MEMBER Block block(int32_t output, int32_t b) const {
    return {w + output * stride + int64_t(b) * kIntBlock};
  }
};

// Nibbles, each the index of an i8 in the table of 16 of its output and group.
template <class S>
struct TableReader {
  using Input = int16_t;
  using Sum = int32_t;
  const uint8_t* nibbles;  // a block in 16 bytes: inputs j and 16 + j in byte j
  const int8_t* tables;
  int64_t row_bytes, table_stride;  // table_stride: bytes of an output's tables
  int32_t group_blocks;             // blocks that share a table

  struct Block {
    typename S::W low_half, high_half;
    SMQ_MEMBER typename S::W low() const { return low_half; }
    SMQ_MEMBER typename S::W high() const { return high_half; }
  };
  SMQ_MEMBER Block block(int32_t output, int32_t b) const {
    const int8_t* table = tables + output * table_stride + int64_t(b / group_blocks) * 16;
    Block block;
    S::look_up(table, nibbles + output * row_bytes + int64_t(b) * 16, block.low_half,
               block.high_half);
    return block;
  }
};

template <class S, int M, int N>
SMQ_INLINE void int_step(typename S::I (&sums)[M][N], const typename S::W (&w)[N], const int16_t* x,
                         int64_t x_stride) {
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) {
    const auto input = S::load_short(x + m * x_stride);
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) sums[m][n] = S::add(sums[m][n], S::madd(input, w[n]));
  }
}

// M rows from x on times N outputs from `output` on; k is a multiple of 16.
template <class S, int M, int N, class Reader>
SMQ_INLINE void tile(int32_t (&out)[M][N], const Reader& reader, int32_t output, const int16_t* x,
                     int64_t x_stride, int32_t k) {
  typename S::I sums[M][N];
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) sums[m][n] = S::no_sum();
  }
  typename Reader::Block blocks[N];
  typename S::W w[N];
  int32_t b = 0;
  for (; (b + 1) * kIntBlock <= k; ++b, x += kIntBlock) {
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
      blocks[n] = reader.block(output + n, b);
      w[n] = blocks[n].low();
    }
    int_step<S, M, N>(sums, w, x, x_stride);
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) w[n] = blocks[n].high();
    int_step<S, M, N>(sums, w, x + 16, x_stride);
  }
  if (b * kIntBlock < k) {
    for (int n = 0; n < N; ++n) w[n] = reader.block(output + n, b).low();
    int_step<S, M, N>(sums, w, x, x_stride);
  }
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) out[m][n] = S::sum(sums[m][n]);
  }
}

// Widens one output of a reader into a panel's row.
template <class S, class Reader>
void widen_output(int16_t* out, const Reader& reader, int32_t output, int32_t k) {
  int32_t b = 0;
  for (; (b + 1) * kIntBlock <= k; ++b, out += kIntBlock) {
    const auto block = reader.block(output, b);
    S::store(out, block.low());
    S::store(out + 16, block.high());
  }
  if (b * kIntBlock < k) S::store(out, reader.block(output, b).low());
}

}  // namespace smq

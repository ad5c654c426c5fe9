// Products of f32 rows with weights of any storage. An output of a row is always the same sum: eight
// lanes, lane j over the inputs 8 t + j in the order of t, fused, then added up in a fixed tree. Tiles of
// rows and outputs only decide which sums run side by side, so they do not show in the bits.
#pragma once

#include "common/abi.h"
#include "kernels.h"
#include "simd/math.h"

namespace smq {

constexpr int32_t kBlock = 64;     // inputs in one block: eight steps of eight
constexpr int32_t kFewRows = 8;    // up to here weights are widened in registers, beyond in panels
constexpr float kNibbleScale = 0x1p-28f;  // undoes the factor of S::nibbles

// Bytes of the packed nibbles of one output.
inline __attribute__((always_inline)) int64_t u4_row_bytes(int32_t k) {
  return (int64_t(k) + kBlock - 1) / kBlock * 32;
}

// A reader hands out the weights of outputs first..first+N-1: `block(b)` fetches 64 inputs, `step<I>`
// widens eight of them. Rows of weights of dtype T:
template <class S, class T>
struct RowReader {
  // Outputs beside four rows: what the registers hold.
  static constexpr int kBesideFour = 3;
  const T* w;
  int64_t stride;

  struct Block {
    const T* p;
    template <int I>
    SMQ_MEMBER typename S::F step() const {
      return S::load(p + 8 * I);
    }
  };
  struct Scales {};
  SMQ_MEMBER void select(Scales&, int32_t) const {}
  SMQ_MEMBER Block block(int32_t output, int32_t b, const Scales&) const {
    return {w + output * stride + int64_t(b) * kBlock};
  }
  // The last inputs of an output, fewer than eight.
  SMQ_MEMBER typename S::F rest(int32_t output, int32_t from, int32_t count) const {
    return load_some<S>(w + output * stride + from, count);
  }
};

// Packed nibbles; kWhole says that a block lies inside one group.
template <class S, bool kWhole>
struct U4Reader {
  static constexpr int kBesideFour = 2;
  const uint8_t* words;
  const float* scales;
  int64_t row_bytes;
  int32_t groups, group;

  struct Scales {
    int32_t index[8];
  };
  struct Block {
    typename S::I words;
    const float* scales;
    const Scales* at;
    typename S::F scale;
    template <int I>
    SMQ_MEMBER typename S::F step() const {
      const auto q = S::template nibbles<I>(words);
      return S::mul(q, kWhole ? scale : S::set(scales[at->index[I]]));
    }
  };
  SMQ_MEMBER void select(Scales& at, int32_t b) const {
    if (kWhole) {
      at.index[0] = b * kBlock / group;
      return;
    }
    for (int32_t i = 0; i < 8; ++i) {
      const int32_t index = (b * kBlock + 8 * i) / group;
      at.index[i] = index < groups ? index : groups - 1;
    }
  }
  SMQ_MEMBER Block block(int32_t output, int32_t b, const Scales& at) const {
    const float* own = scales + int64_t(output) * groups;
    const uint8_t* p = words + output * row_bytes + int64_t(b) * 32;
    return {S::load_words(reinterpret_cast<const uint32_t*>(p)), own, &at, S::set(own[at.index[0]])};
  }
  // k is a multiple of eight, so there is never a rest.
  SMQ_MEMBER typename S::F rest(int32_t, int32_t, int32_t) const { return S::zero(); }
};

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

// Adds the bias and stores the sum as the epilogue says.
SMQ_INLINE void finish(const Gemm& args, int64_t row, int32_t output, float sum) {
  const bool bf = args.dtype == SMQ_BF16;
  if (args.bias) {
    const uint16_t bits = static_cast<const uint16_t*>(args.bias)[output];
    sum += bf ? widen(bf16{bits}) : widen(f16{bits});
  }
  const int64_t at = row * args.y_stride + output;
  if (args.epilogue == SMQ_STORE) {
    static_cast<uint16_t*>(args.y)[at] = bf ? narrow_bf16(sum).bits : narrow_f16(sum).bits;
  } else if (args.epilogue == SMQ_RESIDUAL) {
    static_cast<float*>(args.y)[at] += sum;
  } else {
    static_cast<float*>(args.y)[at] = sum;
  }
}

// Rows row..row+M-1 and the outputs begin..end-1 of the reader, whose output 0 is `first` of y.
template <class S, int M, int N, class Reader>
void strip(const Gemm& args, const Reader& reader, int32_t first, int32_t begin, int32_t end,
           int32_t row) {
  const float* x = args.x + row * args.x_stride;
  int32_t output = begin;
  for (; output + N <= end; output += N) {
    float sums[M][N];
    tile<S, M, N>(sums, reader, output, x, args.x_stride, args.k);
    for (int m = 0; m < M; ++m) {
      for (int n = 0; n < N; ++n) finish(args, row + m, first + output + n, sums[m][n]);
    }
  }
  for (; output < end; ++output) {
    float sums[M][1];
    tile<S, M, 1>(sums, reader, output, x, args.x_stride, args.k);
    for (int m = 0; m < M; ++m) finish(args, row + m, first + output, sums[m][0]);
  }
}

// All rows.
template <class S, class Reader>
void strips(const Gemm& args, const Reader& reader, int32_t first, int32_t begin, int32_t end) {
  int32_t row = 0;
  for (; row + 4 <= args.m; row += 4) {
    strip<S, 4, Reader::kBesideFour>(args, reader, first, begin, end, row);
  }
  if (args.m - row == 3) strip<S, 3, 4>(args, reader, first, begin, end, row);
  if (args.m - row == 2) strip<S, 2, 4>(args, reader, first, begin, end, row);
  if (args.m - row == 1) strip<S, 1, 4>(args, reader, first, begin, end, row);
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

template <class S, class Reader>
void gemm_with(const Gemm& args, const Reader& reader, int32_t begin, int32_t end, float* panel) {
  if (args.m <= kFewRows) return strips<S>(args, reader, 0, begin, end);
  for (int32_t first = begin; first < end; first += kPanel) {
    const int32_t outputs = end - first < kPanel ? end - first : kPanel;
    for (int32_t i = 0; i < outputs; ++i) {
      widen_output<S>(panel + i * args.x_stride, reader, first + i, args.k);
    }
    strips<S>(args, RowReader<S, float>{panel, args.x_stride}, first, 0, outputs);
  }
}

template <class S, class T>
void gemm_half(const Gemm& args, int32_t begin, int32_t end, float* panel) {
  const RowReader<S, T> reader{static_cast<const T*>(args.w), args.k};
  gemm_with<S>(args, reader, begin, end, panel);
}

template <class S>
void gemm_u4(const Gemm& args, int32_t begin, int32_t end, float* panel) {
  const int64_t row_bytes = u4_row_bytes(args.k);
  const uint8_t* words = static_cast<const uint8_t*>(args.w);
  const float* scales = reinterpret_cast<const float*>(words + args.n * row_bytes);
  const int32_t groups = int32_t((int64_t(args.k) + args.group - 1) / args.group);
  if (args.group % kBlock == 0 || groups == 1) {
    const U4Reader<S, true> reader{words, scales, row_bytes, groups, args.group};
    gemm_with<S>(args, reader, begin, end, panel);
  } else {
    const U4Reader<S, false> reader{words, scales, row_bytes, groups, args.group};
    gemm_with<S>(args, reader, begin, end, panel);
  }
}

}  // namespace smq

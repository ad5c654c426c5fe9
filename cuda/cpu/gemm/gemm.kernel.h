// Products of rows with rows of weights: the walk of tiles over rows and outputs, and how a sum
// ends. What is summed, and in which order, is the tile's.
#pragma once

#include "gemm/f32_tile.kernel.h"
#include "gemm/i32_tile.kernel.h"
#include "gemm/lanes.kernel.h"

namespace smq {

constexpr int32_t kFewRows = 4;  // up to here weights are widened in registers, beyond in panels

// Scales the sum, adds the bias and stores it as the epilogue says.
SMQ_INLINE void finish(const Gemm& args, int64_t row, int32_t output, float sum) {
  if (args.scales) sum *= args.scales[output];
  if (args.offsets) sum -= args.offsets[output] * float(args.row_sums[row]);
  if (args.row_scales) sum *= args.row_scales[row];
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
  using Sum = typename Reader::Sum;
  const auto* x = static_cast<const typename Reader::Input*>(args.x) + row * args.x_stride;
  int32_t output = begin;
  for (; output + N <= end; output += N) {
    Sum sums[M][N];
    tile<S, M, N>(sums, reader, output, x, args.x_stride, args.k);
    for (int m = 0; m < M; ++m) {
      for (int n = 0; n < N; ++n) finish(args, row + m, first + output + n, float(sums[m][n]));
    }
  }
  for (; output < end; ++output) {
    Sum sums[M][1];
    tile<S, M, 1>(sums, reader, output, x, args.x_stride, args.k);
    for (int m = 0; m < M; ++m) finish(args, row + m, first + output, float(sums[m][0]));
  }
}

// All rows, several to a tile where S has tiles of several; the weights are in a near cache.
template <class S, class Reader>
void strips(const Gemm& args, const Reader& reader, int32_t first, int32_t begin, int32_t end) {
  int32_t row = 0;
  if constexpr (S::kManyTiles) {
    for (; row + 4 <= args.m; row += 4) strip<S, 4, 3>(args, reader, first, begin, end, row);
    if (args.m - row == 3) strip<S, 3, 4>(args, reader, first, begin, end, row);
    if (args.m - row == 2) strip<S, 2, 4>(args, reader, first, begin, end, row);
    if (args.m - row == 1) strip<S, 1, 4>(args, reader, first, begin, end, row);
  } else {
    for (; row < args.m; ++row) strip<S, 1, 4>(args, reader, first, begin, end, row);
  }
}

// The same for few rows, of weights that come from memory: an output at a time, since a processor fetches
// one stream well ahead, and not four whose ends are near one another's starts.
template <class S, class Reader>
void stream(const Gemm& args, const Reader& reader, int32_t begin, int32_t end) {
  if (args.m == 1) return strip<S, 1, 1>(args, reader, 0, begin, end, 0);
  if (args.m == 2) return strip<S, 2, 1>(args, reader, 0, begin, end, 0);
  if (args.m == 3) return strip<S, 3, 1>(args, reader, 0, begin, end, 0);
  strip<S, 4, 1>(args, reader, 0, begin, end, 0);
}

// Weights are widened in registers for few rows where S has tiles for each storage, else into a panel
// that Panel reads.
template <class S, class Panel, class Reader>
void gemm_with(const Gemm& args, const Reader& reader, int32_t begin, int32_t end, void* scratch) {
  if constexpr (S::kManyTiles) {
    if (args.m <= kFewRows) return stream<S>(args, reader, begin, end);
  }
  auto* panel = static_cast<typename Reader::Input*>(scratch);
  for (int32_t first = begin; first < end; first += kPanel) {
    const int32_t outputs = end - first < kPanel ? end - first : kPanel;
    for (int32_t i = 0; i < outputs; ++i) {
      widen_output<S>(panel + i * args.x_stride, reader, first + i, args.k);
    }
    strips<S>(args, Panel{panel, args.x_stride}, first, 0, outputs);
  }
}

template <class S, class T>
void gemm_half(const Gemm& args, int32_t begin, int32_t end, void* panel) {
  const RowReader<S, T> reader{static_cast<const T*>(args.w), args.k};
  gemm_with<S, RowReader<S, float>>(args, reader, begin, end, panel);
}

// The product with the scales that lie behind n rows of `row_bytes` of the weight, and there the offsets.
SMQ_INLINE Gemm with_scales(const Gemm& args, int64_t row_bytes, bool offsets) {
  Gemm scaled = args;
  const uint8_t* w = static_cast<const uint8_t*>(args.w);
  scaled.scales = reinterpret_cast<const float*>(w + args.n * row_bytes);
  if (offsets) scaled.offsets = scaled.scales + args.n;
  return scaled;
}

template <class S>
void gemm_u4_i8(const Gemm& args, int32_t begin, int32_t end, void* panel) {
  static constexpr int8_t kSame[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const int64_t row_bytes = args.k / 2;
  const bool whole = args.group == 0;
  const int64_t tables = whole ? 0 : (int64_t(args.k) + args.group - 1) / args.group * 16;
  const uint8_t* w = static_cast<const uint8_t*>(args.w);
  const int8_t* stored = reinterpret_cast<const int8_t*>(w + args.n * row_bytes);
  const TableReader<S> reader{w, whole ? kSame : stored, row_bytes, tables,
                              (whole ? args.k : args.group) / kIntBlock};
  const Gemm scaled = with_scales(args, row_bytes + tables, whole);
  gemm_with<S, IntRowReader<S, int16_t>>(scaled, reader, begin, end, panel);
}

template <class S>
constexpr GemmKernels gemm_kernels() {
  return {{gemm_half<S, f16>, gemm_half<S, bf16>},
          {gemm_u4<S, Terms::kCentered>, gemm_u4<S, Terms::kPoints>, gemm_u4<S, Terms::kOffsets>},
          {gemm_u4_many<S, Terms::kCentered>, gemm_u4_many<S, Terms::kPoints>,
           gemm_u4_many<S, Terms::kOffsets>},
          gemm_w8a8<S>,
          gemm_fp8<S>,
          gemm_w8<S>,
          gemm_u4_i8<S>,
          {gemm_w8_group<S, Terms::kScaled>, gemm_w8_group<S, Terms::kOffsets>},
          {nibble_row<S, Terms::kCentered, true>, nibble_row<S, Terms::kPoints, true>,
           nibble_row<S, Terms::kOffsets, true>},
          {nibble_row<S, Terms::kCentered, false>, nibble_row<S, Terms::kPoints, false>,
           nibble_row<S, Terms::kOffsets, false>},
          sums_row<S>,
          float8_row<S>};
}

}  // namespace smq

// Products of rows with weights of any storage: the walk of tiles over rows and outputs, and how a sum
// ends. What is summed, and in which order, is the tile's.
#pragma once

#include "gemm/f32_tile.kernel.h"
#include "gemm/i32_tile.kernel.h"
#include "gemm/w8_group.kernel.h"

namespace smq {

constexpr int32_t kFewRows = 8;  // up to here weights are widened in registers, beyond in panels

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

// All rows, several to a tile where S has tiles of several.
template <class S, class Reader>
void strips(const Gemm& args, const Reader& reader, int32_t first, int32_t begin, int32_t end) {
  int32_t row = 0;
  if constexpr (S::kManyTiles) {
    for (; row + 4 <= args.m; row += 4) {
      strip<S, 4, Reader::kBesideFour>(args, reader, first, begin, end, row);
    }
    if (args.m - row == 3) strip<S, 3, 4>(args, reader, first, begin, end, row);
    if (args.m - row == 2) strip<S, 2, 4>(args, reader, first, begin, end, row);
    if (args.m - row == 1) strip<S, 1, 4>(args, reader, first, begin, end, row);
  } else {
    for (; row < args.m; ++row) strip<S, 1, 4>(args, reader, first, begin, end, row);
  }
}

// Weights are widened in registers for few rows where S has tiles for each storage, else into a panel
// that Panel reads.
template <class S, class Panel, class Reader>
void gemm_with(const Gemm& args, const Reader& reader, int32_t begin, int32_t end, void* scratch) {
  if constexpr (S::kManyTiles) {
    if (args.m <= kFewRows) return strips<S>(args, reader, 0, begin, end);
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

template <class S, bool kZeros>
void gemm_u4(const Gemm& args, int32_t begin, int32_t end, void* panel) {
  const int64_t row_bytes = u4_row_bytes(args.k);
  const uint8_t* words = static_cast<const uint8_t*>(args.w);
  const float* scales = reinterpret_cast<const float*>(words + args.n * row_bytes);
  const int32_t groups = int32_t((int64_t(args.k) + args.group - 1) / args.group);
  const float* zeros = scales + int64_t(args.n) * groups;
  if (args.group % kBlock == 0 || groups == 1) {
    const U4Reader<S, true, kZeros> reader{words, scales, zeros, row_bytes, groups, args.group};
    gemm_with<S, RowReader<S, float>>(args, reader, begin, end, panel);
  } else {
    const U4Reader<S, false, kZeros> reader{words, scales, zeros, row_bytes, groups, args.group};
    gemm_with<S, RowReader<S, float>>(args, reader, begin, end, panel);
  }
}

// The product with the scales that lie behind n rows of `row_bytes` of the weight, and there the offsets.
SMQ_INLINE Gemm with_scales(const Gemm& args, int64_t row_bytes, bool offsets) {
  Gemm scaled = args;
  const uint8_t* w = static_cast<const uint8_t*>(args.w);
  scaled.scales = reinterpret_cast<const float*>(w + args.n * row_bytes);
  if (offsets) scaled.offsets = scaled.scales + args.n;
  return scaled;
}

// 8-bit weights of T times f32.
template <class S, class T>
void gemm_8(const Gemm& args, int32_t begin, int32_t end, void* panel) {
  const RowReader<S, T> reader{static_cast<const T*>(args.w), args.k};
  const Gemm scaled = with_scales(args, args.k, false);
  gemm_with<S, RowReader<S, float>>(scaled, reader, begin, end, panel);
}

template <class S>
void gemm_i8(const Gemm& args, int32_t begin, int32_t end, void* panel) {
  const IntRowReader<S, int8_t> reader{static_cast<const int8_t*>(args.w), args.k};
  const Gemm scaled = with_scales(args, args.k, false);
  gemm_with<S, IntRowReader<S, int16_t>>(scaled, reader, begin, end, panel);
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

template <class S, int kGroup, bool kOffsets>
void gemm_groups_of(const Gemm& args, int32_t begin, int32_t end, void* panel) {
  const GroupWeight weight = group_weight(args.w, args.n, args.k, kGroup);
  const GroupReader<S, kGroup, kOffsets> reader{weight.q, weight.scales, weight.offsets, args.k,
                                                args.k / kGroup};
  gemm_with<S, RowReader<S, float>>(args, reader, begin, end, panel);
}

template <class S, bool kOffsets>
void gemm_w8_group(const Gemm& args, int32_t begin, int32_t end, void* panel) {
  if (args.group == 16) return gemm_groups_of<S, 16, kOffsets>(args, begin, end, panel);
  gemm_groups_of<S, 32, kOffsets>(args, begin, end, panel);
}

template <class S>
constexpr GemmKernels gemm_kernels() {
  return {{gemm_half<S, f16>, gemm_half<S, bf16>},
          {gemm_u4<S, false>, gemm_u4<S, true>},
          gemm_i8<S>,
          gemm_8<S, e4m3>,
          gemm_8<S, int8_t>,
          gemm_u4_i8<S>,
          {gemm_w8_group<S, false>, gemm_w8_group<S, true>}};
}

}  // namespace smq

// Products with weights in panels: the walk over panels and rows, and how sums end.
#pragma once

#include "gemm/lane_tile.kernel.h"
#include "gemm/nibble_tile.kernel.h"
#include "ops/rows.kernel.h"

namespace smq {

constexpr int32_t kFewLaneRows = 4;  // up to here weights are widened in registers

// Adds the bias to eight outputs of a row, of which `count` exist, and stores them as the epilogue says.
template <class S>
SMQ_INLINE void finish_lanes(const Gemm& args, int64_t row, int32_t output, int32_t count,
                             typename S::F sum) {
  const auto bias_of = [&](const auto* bias) {
    return count == kLanes ? S::load(bias + output) : load_some<S>(bias + output, count);
  };
  const bool bf = args.dtype == SMQ_BF16;
  if (args.row_scales) sum = S::mul(sum, S::set(args.row_scales[row]));
  if (args.bias) {
    sum = S::add(sum, bf ? bias_of(static_cast<const bf16*>(args.bias))
                         : bias_of(static_cast<const f16*>(args.bias)));
  }
  const int64_t at = row * args.y_stride + output;
  const auto put = [&](auto* y) {
    if (count == kLanes) return S::store(y + at, sum);
    store_some<S>(y + at, sum, count);
  };
  if (args.epilogue == SMQ_STORE) {
    if (bf) return put(static_cast<bf16*>(args.y));
    return put(static_cast<f16*>(args.y));
  }
  float* const y = static_cast<float*>(args.y);
  if (args.epilogue == SMQ_RESIDUAL) {
    sum = S::add(count == kLanes ? S::load(y + at) : load_some<S>(y + at, count), sum);
  }
  put(y);
}

SMQ_INLINE LanePanel panel_of(const Gemm& args, const LaneLayout& layout, int32_t output) {
  const uint8_t* start = static_cast<const uint8_t*>(args.w) + layout.start(output);
  const f16* scales = reinterpret_cast<const f16*>(start);
  return {start + layout.head, scales, scales + int64_t(layout.groups) * kLanes};
}

// M rows of one panel.
template <class S, int M, Terms kTerms, class Step, class End>
SMQ_INLINE void lane_rows(const Gemm& args, const LanePanel& panel, int32_t output, int32_t row,
                          const End& end) {
  typename S::F sums[M];
  const float* x = static_cast<const float*>(args.x) + row * args.x_stride;
  lane_tile<S, M, kTerms, Step>(sums, panel, x, args.x_stride, args.k, args.group);
  const int32_t count = args.n - output < kLanes ? args.n - output : kLanes;
  for (int m = 0; m < M; ++m) finish_lanes<S>(args, row + m, output, count, end(sums[m]));
}

// Outputs begin..end-1, from the start of a panel on. `head(p)` is what follows a sum of the panel at p.
template <class S, Terms kTerms, class Step, class Head>
void gemm_lanes(const Gemm& args, const LaneLayout& layout, int32_t begin, int32_t end, void* scratch,
                const Head& head) {
  for (int32_t output = begin; output < end; output += kLanes) {
    LanePanel panel = panel_of(args, layout, output);
    const auto last = head(reinterpret_cast<const uint8_t*>(panel.scales));
    if constexpr (S::kManyTiles) {
      if (args.m == 1) {
        lane_rows<S, 1, kTerms, Step>(args, panel, output, 0, last);
        continue;
      }
      if (args.m == 2) {
        lane_rows<S, 2, kTerms, Step>(args, panel, output, 0, last);
        continue;
      }
      if (args.m == 3) {
        lane_rows<S, 3, kTerms, Step>(args, panel, output, 0, last);
        continue;
      }
      if (args.m == kFewLaneRows) {
        lane_rows<S, 4, kTerms, Step>(args, panel, output, 0, last);
        continue;
      }
    }
    widen_panel<S, Step>(static_cast<float*>(scratch), panel.words, args.k);
    panel.words = static_cast<const uint8_t*>(scratch);
    int32_t row = 0;
    if constexpr (S::kManyTiles) {
      for (; row + 6 <= args.m; row += 6) lane_rows<S, 6, kTerms, WideStep<S>>(args, panel, output, row, last);
      for (; row + 2 <= args.m; row += 2) lane_rows<S, 2, kTerms, WideStep<S>>(args, panel, output, row, last);
    }
    for (; row < args.m; ++row) lane_rows<S, 1, kTerms, WideStep<S>>(args, panel, output, row, last);
  }
}

// The end of a sum that its groups have scaled.
struct NoHead {
  template <class F>
  SMQ_MEMBER F operator()(F sum) const {
    return sum;
  }
};

// M rows of one panel of nibbles, which is widened or not.
template <class S, int M, Terms kTerms, bool kWide>
SMQ_INLINE void nibble_rows(const Gemm& args, const LanePanel& panel, int32_t output, int32_t row) {
  typename S::F sums[M];
  const float* x = static_cast<const float*>(args.x) + row * args.x_stride;
  if constexpr (kWide) {
    wide_nibble_tile<S, M, kTerms>(sums, panel, x, args.x_stride, args.k, args.group);
  } else {
    nibble_tile<S, M, kTerms>(sums, panel, x, args.x_stride, args.k, args.group);
  }
  const int32_t count = args.n - output < kLanes ? args.n - output : kLanes;
  for (int m = 0; m < M; ++m) finish_lanes<S>(args, row + m, output, count, sums[m]);
}

// Few rows of digits.
template <class S, Terms kTerms>
void gemm_u4(const Gemm& args, int32_t begin, int32_t end, void*) {
  const LaneLayout layout = u4_layout(args.k, args.group, has_second(kTerms) ? 2 : 1);
  for (int32_t output = begin; output < end; output += kLanes) {
    const LanePanel panel = panel_of(args, layout, output);
    int32_t row = 0;
    if constexpr (S::kManyTiles) {
      for (; row + 2 <= args.m; row += 2) nibble_rows<S, 2, kTerms, false>(args, panel, output, row);
    }
    for (; row < args.m; ++row) nibble_rows<S, 1, kTerms, false>(args, panel, output, row);
  }
}

// Many rows of whole numbers in f32: fewer instructions for each, once weights are widened.
template <class S, Terms kTerms>
void gemm_u4_many(const Gemm& args, int32_t begin, int32_t end, void* scratch) {
  const LaneLayout layout = u4_layout(args.k, args.group, has_second(kTerms) ? 2 : 1);
  for (int32_t output = begin; output < end; output += kLanes) {
    LanePanel panel = panel_of(args, layout, output);
    widen_panel<S, NibbleStep<S, kTerms == Terms::kCentered>>(static_cast<float*>(scratch), panel.words, args.k);
    panel.words = static_cast<const uint8_t*>(scratch);
    int32_t row = 0;
    if constexpr (S::kManyTiles) {
      for (; row + 4 <= args.m; row += 4) nibble_rows<S, 4, kTerms, true>(args, panel, output, row);
      for (; row + 2 <= args.m; row += 2) nibble_rows<S, 2, kTerms, true>(args, panel, output, row);
    }
    for (; row < args.m; ++row) nibble_rows<S, 1, kTerms, true>(args, panel, output, row);
  }
}

template <class S, Terms kTerms>
void gemm_w8_group(const Gemm& args, int32_t begin, int32_t end, void* panel) {
  const LaneLayout layout = i8_group_layout(args.k, args.group, has_second(kTerms) ? 2 : 1);
  gemm_lanes<S, kTerms, ByteStep<S>>(args, layout, begin, end, panel,
                                     [](const uint8_t*) { return NoHead{}; });
}

// i8 weights with a scale for each output, on f32.
template <class S>
void gemm_w8(const Gemm& args, int32_t begin, int32_t end, void* panel) {
  const auto head = [](const uint8_t* start) {
    const auto scales = S::load(reinterpret_cast<const float*>(start));
    return [=](typename S::F sum) { return S::mul(sum, scales); };
  };
  gemm_lanes<S, Terms::kBare, ByteStep<S>>(args, w8_layout(args.k), begin, end, panel, head);
}

// e4m3 likewise: weights come times 2^-120 and rows times 2^112, so that neither leaves f32.
template <class S>
void gemm_fp8(const Gemm& args, int32_t begin, int32_t end, void* panel) {
  const auto head = [](const uint8_t* start) {
    const float* const scales = reinterpret_cast<const float*>(start);
    const auto scale = S::load(scales);
    const auto nan = S::load(scales + kLanes);
    return [=](typename S::F sum) {
      return S::mul(S::add(S::mul(sum, S::set(0x1p8f)), nan), scale);
    };
  };
  gemm_lanes<S, Terms::kBare, Float8Step<S>>(args, w8_layout(args.k), begin, end, panel, head);
}

template <class S>
void float8_row(float* row, int32_t k, int32_t) {
  for (int32_t i = 0; i < k; i += 8) S::store(row + i, S::mul(S::load(row + i), S::set(0x1p112f)));
}

// i8 weights on i8 rows: exact, so the order of sums does not matter.
template <class S, int M>
SMQ_INLINE void int_rows(const Gemm& args, const uint8_t* start, int32_t output, int32_t row) {
  typename S::I sums[M];
#pragma GCC unroll 8
  for (int m = 0; m < M; ++m) sums[m] = S::no_sum();
  const uint8_t* words = start + w8_layout(args.k).head;
  const int8_t* x = static_cast<const int8_t*>(args.x) + row * args.x_stride;
  for (int32_t i = 0; i < args.k; i += 4, words += 32, x += 4) {
    const auto w = S::load_words(words);
#pragma GCC unroll 8
    for (int m = 0; m < M; ++m) sums[m] = S::add_dot(sums[m], w, x + m * args.x_stride);
  }
  const auto scales = S::load(reinterpret_cast<const float*>(start));
  const int32_t count = args.n - output < kLanes ? args.n - output : kLanes;
  for (int m = 0; m < M; ++m) {
    finish_lanes<S>(args, row + m, output, count, S::mul(S::to_float(sums[m]), scales));
  }
}

template <class S>
void gemm_w8a8(const Gemm& args, int32_t begin, int32_t end, void*) {
  const LaneLayout layout = w8_layout(args.k);
  for (int32_t output = begin; output < end; output += kLanes) {
    const uint8_t* start = static_cast<const uint8_t*>(args.w) + layout.start(output);
    int32_t row = 0;
    if constexpr (S::kManyTiles) {
      for (; row + 6 <= args.m; row += 6) int_rows<S, 6>(args, start, output, row);
      for (; row + 2 <= args.m; row += 2) int_rows<S, 2>(args, start, output, row);
    }
    for (; row < args.m; ++row) int_rows<S, 1>(args, start, output, row);
  }
}

}  // namespace smq

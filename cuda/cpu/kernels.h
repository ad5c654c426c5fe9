// What differs between instruction sets: a table of kernels, compiled once for each. A kernel gets
// checked arguments and works on the calling thread; which rows or outputs it works on is a range, and
// the bits of a result do not depend on the range.
#pragma once

#include <cstdint>

#include "common/ops.h"

namespace smq {

struct Gemm {
  const void* x;     // f32, i16 or i8 [m, x_stride], padded with zeros from k to a multiple of 8
  const void* w;     // as the kernel wants it
  const void* bias;  // dtype [n] or null
  void* y;
  // y = row_scales[i] * (scales[j] * sum - offsets[j] * row_sums[i]), without what is null.
  const float *row_scales, *scales, *offsets;
  const int32_t* row_sums;
  int64_t x_stride, y_stride;
  int32_t epilogue, dtype, m, n, k, group;
};

// A product of packed f32 operands: strips of kStripRows rows and of kStripColumns columns, each depth by
// depth, filled up with zeros.
constexpr int32_t kStripRows = 6;
constexpr int32_t kStripColumns = 16;
struct PackedF32 {
  const float* a;  // strips of [k, kStripRows]
  const float* b;  // strips of [k, kStripColumns]
  float* y;        // [m, n]
  int64_t y_stride;
  int32_t m, n, k, update;
};

// Widens `count` elements.
using WidenKernel = void (*)(void* out, const void* x, int64_t count);
// Outputs begin..end-1 of all rows. `panel` holds kPanel * x_stride floats for the call's own use.
using GemmKernel = void (*)(const Gemm& args, int32_t begin, int32_t end, void* panel);

// Prepares a widened row of k inputs for a product; what it has room for behind them is the product's to say.
using RowKernel = void (*)(float* row, int32_t k, int32_t group);

// Kernels whose activations have one dtype.
struct HalfKernels {
  WidenKernel widen;  // to f32
  void (*narrow)(void* out, const float* x, int64_t count);
  void (*rms_norm)(void* out, const float* x, const void* weight, int32_t width, float eps);
  void (*silu_mul)(void* out, const void* gate, const void* up, int64_t count);
  // The same, not rounded: out is f32.
  void (*rms_norm_wide)(void* out, const float* x, const void* weight, int32_t width, float eps);
  void (*silu_mul_wide)(void* out, const void* gate, const void* up, int64_t count);
  // Row i.
  void (*rope_kv)(const RopeKv& args, int64_t i);
  // Tasks begin..end-1; task t is row t / kv_heads and kv head t % kv_heads.
  void (*attention)(const Attention& args, int64_t begin, int64_t end);
  // The same of a cache in 8 bits.
  void (*attention_i8)(const Attention& args, int64_t begin, int64_t end);
};

// Products with weights of any storage.
struct GemmKernels {
  GemmKernel f16[2];    // by dtype: f16, bf16
  GemmKernel w4a16[3], w4a16_many[3];  // by SMQ_ZEROS_*; of up to kFewNibbleRows rows, and of more
  GemmKernel w8a8, fp8, w8a16, w4a8;
  GemmKernel w8a16_group[2];  // without and with offsets
  // What rows get after they are widened; none where a product is not named.
  RowKernel w4a16_row[3], w4a16_many_row[3], sums_row, fp8_row;
};

// Outputs whose weights are widened together when there are many rows.
constexpr int32_t kPanel = 24;
// Rows of a product of four-bit weights that are better taken in integers; the bits are the same.
constexpr int32_t kFewNibbleRows = 8;

struct Kernels {
  const char* name;
  HalfKernels half[2];  // by dtype: f16, bf16
  GemmKernels gemm;
  void (*gemm_f32)(const PackedF32& args);
  WidenKernel widen_i8, widen_e4m3;  // to i16, to f32
  // A row in 8 bits with its scale and sum; i8 and e4m3.
  void (*quantize[2])(void* out, float* scale, int32_t* sum, const float* x, int32_t width);
  // Row i; `counts` holds a word for each token.
  void (*choose)(const Choose& args, int64_t i, uint32_t* counts);
  // Row i, in place; see choose.kernel.h.
  void (*expect)(const Choose& args, int32_t offset, int32_t step, int64_t i, uint32_t* counts);
  // The index of the largest entry, the lowest among equals; -1 where none is above -infinity.
  int32_t (*largest)(const float* x, int32_t count);
  // The two parts of a row's log-softmax: value = (x - largest) - log_sum.
  void (*log_softmax)(const float* x, int32_t count, float* largest, float* log_sum);
  void (*top_log_probs)(float* values, int32_t* ids, const float* x, int32_t count, int32_t topk);
};

// Plain C++, for any machine.
const Kernels& plain_kernels();
// The fastest that this machine can run.
const Kernels& best_kernels();

}  // namespace smq

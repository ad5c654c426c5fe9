// Products of many rows: one dense product, and who computes it.
#pragma once

#include "gemm/gemm.cuh"

namespace smq {

// y = x w^T (+ bias) (+ y): x [m, k] with rows x_stride apart, w [n, k] with rows w_stride apart, y [m, n]
// with rows y_stride apart, in `dtype` or, where wide, in f32; strides in elements.
struct DenseArgs {
  void* y;
  const void* x;
  const void* w;
  const void* bias;
  int32_t m, n, k;
  int32_t x_stride, w_stride, y_stride;
  bool wide, add;
  int32_t dtype;
  bool made;  // w lies in scratch, where the kernel before has written it
};

// Picks the kernel.
int32_t dense(smq_context* ctx, const DenseArgs& args);

// wgmma and bulk copies; refuses what these cannot address (dense picks the other then).
bool dense_fits_hopper(const DenseArgs& args);
int32_t dense_hopper(smq_context* ctx, const DenseArgs& args);
// mma.sync; every architecture, every alignment.
int32_t dense_ampere(smq_context* ctx, const DenseArgs& args);

// Four-bit weights, widened in registers; f16 rows only. Others go through `dense`.
bool w4a16_fits_hopper(const GemmArgs& args);
int32_t prefill_w4a16_on_hopper(smq_context* ctx, const GemmArgs& args);

}  // namespace smq

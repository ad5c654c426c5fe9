// What the products share: arguments, checks, and the walk over rows and outputs.
#pragma once

#include "context.h"

namespace smq {

struct GemmCall {
  uint64_t y, x, w, bias;
  int32_t y_stride, epilogue, m, n, k, group, dtype;
};

using GemmKernel = void (*)(const Gemm& args, int32_t begin, int32_t end, float* panel);

constexpr int32_t kMostInputs = 1 << 24;

// Checks all but the weight.
void check_gemm(Check& check, const smq_context* ctx, const GemmCall& call);

// Submits the product. `cost` is about what one weight costs in nanoseconds when it is read for one row.
int32_t submit_gemm(smq_context* ctx, const GemmCall& call, GemmKernel kernel, double cost);

}  // namespace smq

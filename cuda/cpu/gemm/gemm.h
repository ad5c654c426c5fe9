// What the products share: the walk over rows and outputs.
#pragma once

#include "context.h"

namespace smq {

using GemmKernel = void (*)(const Gemm& args, int32_t begin, int32_t end, float* panel);

// Submits the product. `cost` is about what one weight costs in nanoseconds when it is read for one row.
int32_t submit_gemm(smq_context* ctx, const GemmArgs& call, GemmKernel kernel, double cost);

}  // namespace smq

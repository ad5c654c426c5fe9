// What the products share: the walk over rows and outputs.
#pragma once

#include "context.h"

namespace smq {

// How a product of one scheme runs.
struct GemmPlan {
  GemmKernel kernel;
  WidenKernel widen;   // from the activations to what the kernel reads; null where that is the same
  RowKernel prepare;   // what follows, or null
  int32_t beside;      // f32 for eight inputs that this puts behind the inputs of a row
  int32_t outputs;     // that a kernel takes together
  int64_t x_bytes;     // of an element of the activations
  int64_t wide_bytes;  // of one that is widened
  double cost;         // about what one weight costs in nanoseconds when it is read for one row
};

// Submits the product.
int32_t submit_gemm(smq_context* ctx, const GemmArgs& call, const GemmPlan& plan);

}  // namespace smq

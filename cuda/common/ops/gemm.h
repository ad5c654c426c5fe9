// The checks that products and packing share.
#pragma once

#include "common/error.h"
#include "common/ops.h"

namespace smq {

constexpr int32_t kMostInputs = 1 << 24;
// Inputs whose products of two 8-bit numbers an int32_t can add up.
constexpr int32_t kMostSummed = 1 << 17;

// All of a product but the weight; x has elements of `x_bytes`.
void check_gemm(Check& check, const smq_context* ctx, const GemmArgs& args, int64_t x_bytes);

// The place of one layer's outputs in a packed weight.
void check_part(Check& check, int32_t n_total, int32_t n_offset, int32_t n);

}  // namespace smq

// Who computes a product. Up to kFewRows rows stream the weights (few/); more rows are prefill, bound by arithmetic
// (prompts/).
#pragma once

#include <cstdint>

#include "context.cuh"

namespace smq {

// The most rows of the kernels that stream weights; all of them give a row the same bits.
constexpr int32_t kFewRows = 64;

// Units of a weight are counted in 32 bits.
inline Check& check_units(Check& check, int32_t n, int32_t k) {
  return check.limit("n", n, 1 << 24).limit("n * k", int64_t(n) * k, int64_t(1) << 42);
}

// 1 to kFewRows rows.
int32_t stream_w4a16(smq_context* ctx, const GemmArgs& args);
int32_t stream_f16(smq_context* ctx, const GemmArgs& args);

// More than kFewRows rows.
int32_t smq_prefill_w4a16(smq_context* ctx, const GemmArgs& args);
int32_t smq_prefill_f16(smq_context* ctx, const GemmArgs& args);

}  // namespace smq

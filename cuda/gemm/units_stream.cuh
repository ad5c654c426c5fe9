// The launches of the kernels for weights in units.
#pragma once

#include "gemm/stream.cuh"
#include "gemm/units_call.cuh"

namespace smq {

// For other devices, and rows that no 16-byte copy can serve.
template <class P>
int32_t units_on_ampere(smq_context* ctx, const UnitsCall& call);
template <class P>
int32_t units_on_hopper(smq_context* ctx, const UnitsCall& call);
// More than kFewRows rows.
template <class P>
int32_t prefill_units_on_hopper(smq_context* ctx, const UnitsCall& call);

}  // namespace smq

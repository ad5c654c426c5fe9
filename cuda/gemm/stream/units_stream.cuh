// The launches of the kernels for weights in units.
#pragma once

#include "gemm/stream/ampere.cuh"
#include "gemm/stream/stream.cuh"
#include "gemm/stream/units_call.cuh"

namespace smq {

// Shared memory of Ampere's kernel: at least two stages of N rows and a unit.
template <class P, int N>
constexpr int kAmpereStage = N * units::kBlock * P::kInput + P::kUnit;
// The most rows that it takes.
template <class P>
constexpr int kMostAmpereRows = 2 * kAmpereStage<P, kFewRows> <= kAmpereShared ? kFewRows : kFewRows / 2;

// For other devices, and rows that no 16-byte copy can serve.
template <class P>
int32_t units_on_ampere(smq_context* ctx, const UnitsCall& call);
template <class P>
int32_t units_on_hopper(smq_context* ctx, const UnitsCall& call);
// More than kFewRows rows.
template <class P>
int32_t prefill_units_on_hopper(smq_context* ctx, const UnitsCall& call);

}  // namespace smq

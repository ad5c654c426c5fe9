// The host's side of the kernels of few rows: which template serves m rows, and the maps that the copy
// engine of Hopper needs.
#pragma once

#include "gemm/gemm.cuh"
#include "gemm/stream/split.cuh"

namespace smq {

// The rows that a kernel computes for m of them; the rest are zeros that nobody stores.
inline int32_t row_bucket(int32_t m) {
  return m <= 8 ? 8 : m <= 16 ? 16 : m <= 24 ? 24 : m <= 32 ? 32 : m <= 48 ? 48 : 64;
}

// What a kernel is given for units of `tile` outputs x `block` inputs, `unit_bytes` each.
StreamCall stream_call(smq_context* ctx, const GemmArgs& args, int tile, int block, int unit_bytes);

// Boxes of `box_rows` rows x 64 columns of a matrix of halves [rows, columns], 128-byte swizzle; rows are `stride` apart, or
// without a gap.
bool map_rows(CUtensorMap* map, const void* matrix, int32_t rows, int32_t columns, int32_t box_rows);
bool map_rows(CUtensorMap* map, const void* matrix, int32_t rows, int32_t columns, int32_t box_rows, int32_t stride);

// The kernels. zeros: SMQ_ZEROS_*; grain: see w4a16_layout.cuh; Hopper's takes 32, 64 and 128.
template <int Zeros>
int32_t w4a16_on_hopper(smq_context* ctx, const StreamCall& call, int grain, int dtype);
template <int Zeros>
int32_t w4a16_on_ampere(smq_context* ctx, const StreamCall& call, int grain, int dtype);
// Aligned addresses and a k that is a multiple of 8; Ampere's takes any.
int32_t f16_on_hopper(smq_context* ctx, const StreamCall& call, int dtype);
int32_t f16_on_ampere(smq_context* ctx, const StreamCall& call, int dtype);

}  // namespace smq

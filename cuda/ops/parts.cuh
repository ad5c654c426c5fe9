// Ops that add up the parts of the product before them where they read what it writes, by kernels of their own, and
// write both what the product and what they should (docs/adr/0030). False where they do not, and nothing was done.
#pragma once

#include "context.cuh"

namespace smq {

bool rms_norm_of_parts(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x, uint64_t weight, int32_t m,
                       int32_t width, float eps, int32_t dtype);
bool rope_kv_of_parts(smq_context* ctx, const RopeKv& args);
// The same of as many rows each of several sequences, all that the product has.
bool rope_kv_of_parts(smq_context* ctx, const std::vector<RopeKv>& all);
// The kernel of a rotation, with parts or without.
void queue_rotation(smq_context* ctx, const RopeKv& args);
bool silu_mul_of_parts(smq_context* ctx, uint64_t out, uint64_t x, int32_t m, int32_t n, int32_t dtype);

}  // namespace smq

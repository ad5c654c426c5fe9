// Sums of the inputs of a product, 128 at a time, for kernels that take what weights are off by from a group's sum
// (w4a16_integers.cuh). Of more than eight rows whoever writes the rows leaves their sums too, f32 [k / 128][64], and
// the product's blocks copy them with the rows; up to eight rows a warp of each block adds them up. The order is the
// same everywhere: neighbours, then neighbouring sums, so that who adds is free.
#pragma once

#include <type_traits>

#include "common/ops/gemm.h"
#include "context.cuh"
#include "gemm/gemm.cuh"
#include "ops/elements.cuh"

namespace smq {

constexpr int kSumInputs = 128;     // of one sum
constexpr int kSumRows = kFewRows;  // the rows that have sums, from one of a row to the same row's next
constexpr int kComputedSums = 8;    // the most rows whose sums a product computes itself

// Their place in scratch, behind the parts of products, which the same kernels read and write.
constexpr size_t kSumsAt = kScratchBytes / 2;
static_assert(size_t(kMostInputs) / kSumInputs * kSumRows * sizeof(float) <= kScratchBytes - kSumsAt,
              "scratch holds the sums of every product");

inline float* sums_in_scratch(const smq_context* ctx) {
  return reinterpret_cast<float*>(static_cast<uint8_t*>(ctx->scratch) + kSumsAt);
}

// Where the kernel to be queued next leaves the sums of the rows [m, width] that it writes, `stride` apart. Null where
// nobody would ask for them.
inline float* sums_wanted(const smq_context* ctx, int32_t m, int32_t width, int32_t stride, int32_t dtype) {
  const bool wanted = ctx->wants_sums && dtype == SMQ_F16 && m > kComputedSums && m <= kSumRows &&
                      width % kSumInputs == 0 && stride == width;
  return wanted ? sums_in_scratch(ctx) : nullptr;
}

// Notes, behind its launch, that it has: nothing else may come before the product.
inline void leave_sums(smq_context* ctx, const float* sums, uint64_t rows, int32_t m, int32_t width) {
  if (sums) ctx->summed = Summed{rows, m, width};
}

// The place of the sum of inputs `input` to `input` + 127 of a row.
__device__ __forceinline__ float* sum_of(float* sums, int row, int64_t input) {
  return sums + input / kSumInputs * kSumRows + row;
}

// The sum of neighbours, four of them at least.
template <int Count>
__device__ __forceinline__ float sum_neighbours(const Pack<__half, Count>& x) {
  if constexpr (Count == 2) {
    return widen(x.e[0]) + widen(x.e[1]);
  } else {
    const auto& halves = reinterpret_cast<const Pack<__half, Count / 2>(&)[2]>(x);
    return sum_neighbours(halves[0]) + sum_neighbours(halves[1]);
  }
}

// Of a warp whose lanes hold the sums of an input's neighbours, four each: the sum of all.
__device__ __forceinline__ float sum_lanes(float four) {
#pragma unroll
  for (int lane = 1; lane < 32; lane *= 2) four += __shfl_xor_sync(~0u, four, lane);
  return four;
}

// Leaves the sum of 128 inputs from `input` on, of which this lane has four. sums: may be null.
template <class T>
__device__ __forceinline__ void leave_sum(float* sums, int row, int64_t input, const Pack<T, 4>& x) {
  if constexpr (std::is_same<T, __half>::value) {
    if (!sums) return;
    const float sum = sum_lanes(sum_neighbours(x));
    if (threadIdx.x % 32 == 0) *sum_of(sums, row, input) = sum;
  }
}

// Launches the kernel that does nothing but add up rows x [m, k] that nobody has left sums of; k % 8 == 0.
void sum_inputs(smq_context* ctx, const void* x, int32_t m, int32_t k);

}  // namespace smq

// Arithmetic that every path of attention takes the same way: the matrix instruction, powers of two,
// and the fold of one softmax partial into another. Written with explicit roundings: the compiler
// must not fuse it differently in two kernels.
#pragma once

#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace smq {

constexpr float kNone = -__builtin_huge_valf();  // the largest score of no score

template <class T>
struct HalfMath;

template <>
struct HalfMath<__half> {
  static constexpr uint32_t kOnes = 0x3c003c00;
  static __device__ __forceinline__ uint32_t pack(float low, float high) {
    const __half2 pair = __floats2half2_rn(low, high);
    return reinterpret_cast<const uint32_t&>(pair);
  }
  // d += a b: 16 rows, 8 columns, 16 deep.
  static __device__ __forceinline__ void mma(float (&d)[4], uint32_t a0, uint32_t a1, uint32_t a2,
                                             uint32_t a3, uint32_t b0, uint32_t b1) {
    asm(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
  }
};

template <>
struct HalfMath<__nv_bfloat16> {
  static constexpr uint32_t kOnes = 0x3f803f80;
  static __device__ __forceinline__ uint32_t pack(float low, float high) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    return reinterpret_cast<const uint32_t&>(pair);
  }
  static __device__ __forceinline__ void mma(float (&d)[4], uint32_t a0, uint32_t a1, uint32_t a2,
                                             uint32_t a3, uint32_t b0, uint32_t b1) {
    asm(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
  }
};

__device__ __forceinline__ float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// The larger; NaN wins, so that a broken score shows in the result.
__device__ __forceinline__ float larger(float a, float b) {
  float y;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
  return y;
}

// Largest score and sum of weights of a run of pairs.
struct Softmax {
  float top = kNone;
  float sum = 0;

  __device__ __forceinline__ bool empty() const { return top == kNone; }
};

__device__ __forceinline__ float fold_value(float value, float run, float before, float later) {
  return __fmaf_rn(value, before, __fmul_rn(run, later));
}

// What values of a run before and of a later one are multiplied with when they are added.
struct Factors {
  float before, later;
};

// Takes a later run of pairs into what was summed before. A run without a score has a sum and values of
// zero and changes nothing; no branch, so that several folds overlap.
__device__ __forceinline__ Factors fold(Softmax& softmax, const Softmax& later) {
  const float most = larger(softmax.top, later.top);
  const float from = most == kNone ? 0.0f : most;  // no score at all: weights of 2^-inf
  const Factors by{exp2_fast(__fsub_rn(softmax.top, from)), exp2_fast(__fsub_rn(later.top, from))};
  softmax.top = most;
  softmax.sum = fold_value(softmax.sum, later.sum, by.before, by.later);
  return by;
}
__device__ __forceinline__ void fold(Softmax& softmax, float4& value, const Softmax& later,
                                     const float4& run) {
  const Factors by = fold(softmax, later);
  value.x = fold_value(value.x, run.x, by.before, by.later);
  value.y = fold_value(value.y, run.y, by.before, by.later);
  value.z = fold_value(value.z, run.z, by.before, by.later);
  value.w = fold_value(value.w, run.w, by.before, by.later);
}

}  // namespace smq

// The gated activation, of one element and of Count neighbours.
#pragma once

#include "ops/elements.cuh"

namespace smq {

// Roundings written out: the compiler must not fuse them differently in two kernels.
__device__ __forceinline__ float silu_mul(float gate, float up) {
  return __fmul_rn(__fdiv_rn(gate, __fadd_rn(1.0f, expf(-gate))), up);
}

template <class T, int Count>
__device__ __forceinline__ Pack<T, Count> silu_mul(const Pack<T, Count>& gate, const Pack<T, Count>& up) {
  Pack<T, Count> result;
#pragma unroll
  for (int e = 0; e < Count; ++e) {
    result.e[e] = narrow<T>(silu_mul(widen(gate.e[e]), widen(up.e[e])));
  }
  return result;
}

}  // namespace smq

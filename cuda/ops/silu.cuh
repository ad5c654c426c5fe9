// The gated activation of Count neighbours.
#pragma once

#include "ops/elements.cuh"

namespace smq {

template <class T, int Count>
__device__ __forceinline__ Pack<T, Count> silu_mul(const Pack<T, Count>& gate, const Pack<T, Count>& up) {
  Pack<T, Count> result;
#pragma unroll
  for (int e = 0; e < Count; ++e) {
    // Roundings written out: the compiler must not fuse them differently in two kernels.
    const float g = widen(gate.e[e]);
    result.e[e] = narrow<T>(__fmul_rn(__fdiv_rn(g, __fadd_rn(1.0f, expf(-g))), widen(up.e[e])));
  }
  return result;
}

}  // namespace smq

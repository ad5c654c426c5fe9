// The gated activation of Count neighbours.
#pragma once

#include "ops/elements.cuh"

namespace smq {

template <class T, int Count>
__device__ __forceinline__ void silu_mul_pack(T* to, const T* gate_at, const T* up_at) {
  const auto gate = load<T, Count>(gate_at);
  const auto up = load<T, Count>(up_at);
  Pack<T, Count> result;
#pragma unroll
  for (int e = 0; e < Count; ++e) {
    const float g = widen(gate.e[e]);
    result.e[e] = narrow<T>(__fmul_rn(__fdiv_rn(g, __fadd_rn(1.0f, expf(-g))), widen(up.e[e])));
  }
  store(to, result);
}

}  // namespace smq

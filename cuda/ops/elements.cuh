// Elements of f16, bf16 and f32, one at a time and eight at a time, and the choice of a kernel by dtype.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "context.cuh"

namespace smq {

__device__ __forceinline__ float widen(__half x) { return __half2float(x); }
__device__ __forceinline__ float widen(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ __forceinline__ float widen(float x) { return x; }

// Rounds to nearest even; what is too large becomes infinite.
template <class T>
__device__ __forceinline__ T narrow(float x);
template <>
__device__ __forceinline__ __half narrow(float x) {
  return __float2half_rn(x);
}
template <>
__device__ __forceinline__ __nv_bfloat16 narrow(float x) {
  return __float2bfloat16_rn(x);
}
template <>
__device__ __forceinline__ float narrow(float x) {
  return x;
}

// kCount neighbours, moved in one access (two for eight floats).
template <class T, int kCount>
struct alignas(sizeof(T) * kCount < 16 ? sizeof(T) * kCount : 16) Pack {
  T e[kCount];
};

template <class T, int kCount>
__device__ __forceinline__ Pack<T, kCount> load(const T* p) {
  return *reinterpret_cast<const Pack<T, kCount>*>(p);
}

// Past the first cache: for what other multiprocessors have just written.
template <int kCount>
__device__ __forceinline__ Pack<float, kCount> load_fresh(const float* p) {
  Pack<float, kCount> result;
  if constexpr (kCount == 2) {
    const float2 v = __ldcg(reinterpret_cast<const float2*>(p));
    result.e[0] = v.x, result.e[1] = v.y;
  } else {
    static_assert(kCount == 4, "one access");
    const float4 v = __ldcg(reinterpret_cast<const float4*>(p));
    result.e[0] = v.x, result.e[1] = v.y, result.e[2] = v.z, result.e[3] = v.w;
  }
  return result;
}

template <class T, int kCount>
__device__ __forceinline__ void store(T* p, const Pack<T, kCount>& x) {
  // Halves are classes, which the compiler would store one by one.
  if constexpr (sizeof(x) == 4) {
    *reinterpret_cast<uint32_t*>(p) = reinterpret_cast<const uint32_t&>(x);
  } else if constexpr (sizeof(x) == 8) {
    *reinterpret_cast<uint64_t*>(p) = reinterpret_cast<const uint64_t&>(x);
  } else if constexpr (sizeof(x) == 16) {
    *reinterpret_cast<uint4*>(p) = reinterpret_cast<const uint4&>(x);
  } else {
    *reinterpret_cast<Pack<T, kCount>*>(p) = x;
  }
}

// Whether addresses and distances in bytes, or-ed together, allow accesses of `bytes`.
inline bool aligned(uint64_t combined, uint64_t bytes) { return combined % bytes == 0; }

// Calls body with a value of the dtype's type: one line for f16 and bf16.
template <class Body>
auto with_half(int32_t dtype, Body&& body) {
  return dtype == SMQ_F16 ? body(__half{}) : body(__nv_bfloat16{});
}

inline unsigned blocks_for(int64_t items, int64_t per_block) {
  return unsigned((items + per_block - 1) / per_block);
}

}  // namespace smq

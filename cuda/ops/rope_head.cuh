// Norm and rotation of q and k, and the write of k and v into their caches: a warp takes one head of one
// row.
#pragma once

#include "ops/elements.cuh"
#include "ops/reduce.cuh"

namespace smq {

// From `in` to `out`, which may be the same: a lane reads and writes its own elements alone.
template <class T, int kCount>
__device__ __forceinline__ void rotate_head(T* out, const T* in, const T* norm, const float* cosines,
                                            int32_t head_dim, float eps) {
  const int32_t half = head_dim / 2;
  const int32_t lane = int(threadIdx.x) % 32;
  float scale = 1.0f;
  if (norm) {
    float squares = 0;
    for (int32_t j = lane * kCount; j < head_dim; j += 32 * kCount) {
      const auto v = load<T, kCount>(in + j);
#pragma unroll
      for (int e = 0; e < kCount; ++e) squares = fmaf(widen(v.e[e]), widen(v.e[e]), squares);
    }
    scale = 1.0f / sqrtf(warp_sum(squares) / float(head_dim) + eps);
  }
  for (int32_t j = lane * kCount; j < half; j += 32 * kCount) {
    auto low = load<T, kCount>(in + j);
    auto high = load<T, kCount>(in + half + j);
    const auto c = load<float, kCount>(cosines + j);
    const auto s = load<float, kCount>(cosines + half + j);
#pragma unroll
    for (int e = 0; e < kCount; ++e) {
      float a = widen(low.e[e]);
      float b = widen(high.e[e]);
      if (norm) {
        a = a * scale * widen(norm[j + e]);
        b = b * scale * widen(norm[half + j + e]);
      }
      // Roundings written out: the compiler must not fuse them differently in two kernels.
      low.e[e] = narrow<T>(__fmaf_rn(a, c.e[e], -__fmul_rn(b, s.e[e])));
      high.e[e] = narrow<T>(__fmaf_rn(b, c.e[e], __fmul_rn(a, s.e[e])));
    }
    store(out + j, low);
    store(out + half + j, high);
  }
}

// Head h (queries, then keys, then values) of row i.
template <class T, int kCount>
__device__ __forceinline__ void rope_head(const RopeKv& args, int32_t h, int64_t i) {
  const int32_t d = args.head_dim;
  const int64_t length = args.cache_length[0];
  const int64_t slot = length + args.slot_offset + i;
  int64_t position = length + (args.depths ? args.depths[i] : i) + args.position_offset;
  position = position >= args.positions ? args.positions - 1 : position;
  position = position < 0 ? 0 : position;
  const float* cosines = args.table + position * d;
  T* in = static_cast<T*>(args.qkv) + (i * (int64_t(args.heads) + 2 * int64_t(args.kv_heads)) + h) * d;
  if (h < args.heads) {
    const T* norm = static_cast<const T*>(args.q_norm);
    return rotate_head<T, kCount>(in, in, norm, cosines, d, args.eps);
  }
  if (slot < 0 || slot >= args.slots) return;
  const int32_t kv = h - args.heads;
  if (kv < args.kv_heads) {
    T* k = static_cast<T*>(args.k_cache) + (slot * args.kv_heads + kv) * d;
    const T* norm = static_cast<const T*>(args.k_norm);
    return rotate_head<T, kCount>(k, in, norm, cosines, d, args.eps);
  }
  T* v = static_cast<T*>(args.v_cache) + (slot * args.kv_heads + kv - args.kv_heads) * d;
  for (int32_t j = int(threadIdx.x) % 32 * kCount; j < d; j += 32 * kCount) {
    store(v + j, load<T, kCount>(in + j));
  }
}

}  // namespace smq

// Norm and rotation of q and k, and the write of k and v into their caches: a warp takes one head of one
// row.
#pragma once

#include "common/kv_cache.h"
#include "ops/elements.cuh"
#include "ops/reduce.cuh"

namespace smq {

// Calls body(i, j) for a lane's elements of half a head: turn i, element j.
template <int Count, int Turns, class Body>
__device__ __forceinline__ void each_turn(int32_t head_dim, Body body) {
#pragma unroll
  for (int i = 0; i < Turns; ++i) {
    const int32_t j = (int(threadIdx.x) % 32 + 32 * i) * Count;
    if (j < head_dim / 2) body(i, j);
  }
}

// A lane's angles at one position.
template <int Count, int Turns>
struct Angles {
  Pack<float, Count> cosines[Turns] = {}, sines[Turns] = {};

  Angles() = default;
  __device__ __forceinline__ Angles(const float* table, int32_t head_dim) {
    each_turn<Count, Turns>(head_dim, [&](int i, int32_t j) {
      cosines[i] = load<float, Count>(table + j);
      sines[i] = load<float, Count>(table + head_dim / 2 + j);
    });
  }
};

// The scale of what is broken.
template <class T>
constexpr uint16_t kNaN = 0x7fc0;
template <>
constexpr uint16_t kNaN<__half> = 0x7e00;

// A lane's elements of a head: Count neighbours from (lane + 32 i) Count on in either half. Turns of them
// hold a head of up to 64 Count Turns elements.
template <class T, int Count, int Turns>
struct HeadPart {
  Pack<T, Count> low[Turns] = {}, high[Turns] = {};

  __device__ __forceinline__ void fetch(const T* from, int32_t head_dim) {
    each_turn<Count, Turns>(head_dim, [&](int i, int32_t j) {
      low[i] = load<T, Count>(from + j);
      high[i] = load<T, Count>(from + head_dim / 2 + j);
    });
  }
  __device__ __forceinline__ void keep(T* to, int32_t head_dim) const {
    each_turn<Count, Turns>(head_dim, [&](int i, int32_t j) {
      store(to + j, low[i]);
      store(to + head_dim / 2 + j, high[i]);
    });
  }
  // In 8 bits, with a scale that is not below what it stands for, so that no element is beyond 127.
  __device__ __forceinline__ void keep(int8_t* to, T* to_scale, int32_t head_dim) const {
    uint32_t largest = 0;  // bits, which order as magnitudes do, infinity and NaN above all
    each_turn<Count, Turns>(head_dim, [&](int i, int32_t) {
#pragma unroll
      for (int e = 0; e < Count; ++e) {
        largest = max(largest, __float_as_uint(widen(low[i].e[e])) & 0x7fffffff);
        largest = max(largest, __float_as_uint(widen(high[i].e[e])) & 0x7fffffff);
      }
    });
    largest = __reduce_max_sync(~0u, largest);
    const float top = __uint_as_float(largest);
    T scale = narrow<T>(__fdiv_rn(top, 127.0f));
    uint16_t& bits = reinterpret_cast<uint16_t&>(scale);
    if (largest >= 0x7f800000) bits = kNaN<T>;
    else if (__fmul_rn(widen(scale), 127.0f) < top) ++bits;
    const float by = widen(scale);
    each_turn<Count, Turns>(head_dim, [&](int i, int32_t j) {
      Pack<int8_t, Count> q[2];
#pragma unroll
      for (int e = 0; e < Count; ++e) {
        q[0].e[e] = int8_t(by > 0 ? __float2int_rn(__fdiv_rn(widen(low[i].e[e]), by)) : 0);
        q[1].e[e] = int8_t(by > 0 ? __float2int_rn(__fdiv_rn(widen(high[i].e[e]), by)) : 0);
      }
      store(to + j, q[0]);
      store(to + head_dim / 2 + j, q[1]);
    });
    if (threadIdx.x % 32 == 0) *to_scale = scale;
  }
  __device__ __forceinline__ void rotate(const T* norm, const Angles<Count, Turns>& angles,
                                         int32_t head_dim, float eps) {
    const int32_t half = head_dim / 2;
    float scale = 1.0f;
    if (norm) {
      float squares = 0;  // what lies beyond the head is zero
#pragma unroll
      for (int i = 0; i < Turns; ++i) {
#pragma unroll
        for (int e = 0; e < Count; ++e) {
          squares = fmaf(widen(low[i].e[e]), widen(low[i].e[e]), squares);
          squares = fmaf(widen(high[i].e[e]), widen(high[i].e[e]), squares);
        }
      }
      scale = 1.0f / sqrtf(warp_sum(squares) / float(head_dim) + eps);
    }
    each_turn<Count, Turns>(head_dim, [&](int i, int32_t j) {
      const auto &c = angles.cosines[i], &s = angles.sines[i];
#pragma unroll
      for (int e = 0; e < Count; ++e) {
        float a = widen(low[i].e[e]);
        float b = widen(high[i].e[e]);
        if (norm) {
          a = a * scale * widen(norm[j + e]);
          b = b * scale * widen(norm[half + j + e]);
        }
        // Roundings written out: the compiler must not fuse them differently in two kernels.
        low[i].e[e] = narrow<T>(__fmaf_rn(a, c.e[e], -__fmul_rn(b, s.e[e])));
        high[i].e[e] = narrow<T>(__fmaf_rn(b, c.e[e], __fmul_rn(a, s.e[e])));
      }
    });
  }
};

// The row of the table for a row of that depth behind the cache. length: of the cache, as read once.
__device__ __forceinline__ const float* rope_row(const RopeKv& args, int64_t length, int64_t depth) {
  int64_t position = length + depth + args.position_offset;
  position = position >= args.positions ? args.positions - 1 : position;
  position = position < 0 ? 0 : position;
  return args.table + position * args.head_dim;
}

// Head h (queries, then keys, then values) of row i, of which fetch() gives a lane its part. Eight: caches are in 8 bits.
template <class T, bool Eight, int Count, int Turns, class Fetch>
__device__ __forceinline__ void rope_head(const RopeKv& args, const Angles<Count, Turns>& angles, int64_t length,
                                          int32_t h, int64_t i, Fetch fetch) {
  const int32_t d = args.head_dim;
  const int64_t slot = length + args.slot_offset + i;
  HeadPart<T, Count, Turns> part = fetch();
  const int32_t key = h - args.heads, value = key - args.kv_heads;
  if (value < 0) {
    const T* norm = static_cast<const T*>(key < 0 ? args.q_norm : args.k_norm);
    part.rotate(norm, angles, d, args.eps);
  }
  if (key < 0) {
    const int64_t row = i * (int64_t(args.heads) + 2 * int64_t(args.kv_heads));
    part.keep(static_cast<T*>(args.qkv) + (row + h) * d, d);
    return;
  }
  if (slot < 0 || slot >= args.slots) return;
  void* const cache = value < 0 ? args.k_cache : args.v_cache;
  const int32_t kv_head = value < 0 ? key : value;
  if constexpr (Eight) {
    int8_t* const at = static_cast<int8_t*>(cache) + slot * cache_row_bytes(args.kv_heads, d, SMQ_I8);
    part.keep(at + int64_t(kv_head) * d, reinterpret_cast<T*>(at + int64_t(args.kv_heads) * d) + kv_head, d);
  } else {
    part.keep(static_cast<T*>(cache) + (slot * args.kv_heads + kv_head) * d, d);
  }
}

}  // namespace smq

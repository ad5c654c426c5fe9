// Norm and rotation of q and k, and the write of k and v into their caches: a warp takes one head of one
// row.
#pragma once

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

// Head h (queries, then keys, then values) of row i, of which fetch() gives a lane its part.
template <class T, int Count, int Turns, class Fetch>
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
  T* to;
  if (key < 0) {
    const int64_t row = i * (int64_t(args.heads) + 2 * int64_t(args.kv_heads));
    to = static_cast<T*>(args.qkv) + (row + h) * d;
  } else {
    if (slot < 0 || slot >= args.slots) return;
    to = static_cast<T*>(value < 0 ? args.k_cache : args.v_cache) +
         (slot * args.kv_heads + (value < 0 ? key : value)) * d;
  }
  part.keep(to, d);
}

}  // namespace smq

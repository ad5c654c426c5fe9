// Norm and rotation of q and k, and the write into the caches, for one row.
#pragma once

#include "common/kv_cache.h"
#include "kernels.h"
#include "ops/quantize.kernel.h"
#include "ops/rows.kernel.h"

namespace smq {

constexpr int32_t kMaxHeadDim = 512;

// Normalises (where `norm` is given) and rotates one head, from `in` to `out`, which may be the same.
template <class S, class T>
SMQ_INLINE void rotate_head(T* out, const T* in, const T* norm, const float* cosines,
                            int32_t head_dim, float eps) {
  const int32_t half = head_dim / 2;
  const float* sines = cosines + half;
  const auto scale = norm ? S::set(inverse_rms<S>(in, head_dim, eps)) : S::zero();
  for (int32_t j = 0; j < half; j += 8) {
    const bool full = j + 8 <= half;
    const auto get = [&](const auto* p) {
      return full ? S::load(p + j) : load_some<S>(p + j, half - j);
    };
    auto a = get(in);
    auto b = get(in + half);
    if (norm) {
      a = S::mul(S::mul(a, scale), get(norm));
      b = S::mul(S::mul(b, scale), get(norm + half));
    }
    const auto c = get(cosines);
    const auto s = get(sines);
    const auto low = S::sub(S::mul(a, c), S::mul(b, s));
    const auto high = S::add(S::mul(b, c), S::mul(a, s));
    if (full) {
      S::store(out + j, low);
      S::store(out + half + j, high);
    } else {
      store_some<S>(out + j, low, half - j);
      store_some<S>(out + half + j, high, half - j);
    }
  }
}

SMQ_INLINE f16 narrow_as(f16, float x) { return narrow_f16(x); }
SMQ_INLINE bf16 narrow_as(bf16, float x) { return narrow_bf16(x); }

// A head in 8 bits, with one scale that is not below what it stands for, so that no element is beyond 127.
template <class T>
SMQ_INLINE void quantize_head(int8_t* out, T* scale, const T* in, int32_t head_dim) {
  float x[kMaxHeadDim];
  for (int32_t j = 0; j < head_dim; ++j) x[j] = widen(in[j]);
  const int32_t bits = largest_magnitude(x, head_dim);
  const float largest = bits >= 0x7f800000 ? NAN : bits_float(uint32_t(bits));
  *scale = narrow_as(T{}, largest / 127.0f);
  if (widen(*scale) * 127.0f < largest) ++scale->bits;
  const float s = widen(*scale);
  if (!(s > 0)) return void(std::memset(out, 0, std::size_t(head_dim)));
  for (int32_t j = 0; j < head_dim; ++j) narrow(out + j, x[j] / s);
}

template <class S, class T>
void rope_kv_row(const RopeKv& args, int64_t i) {
  const int32_t d = args.head_dim;
  const int64_t length = args.cache_length[0];
  const int64_t slot = length + args.slot_offset + i;
  int64_t position = length + (args.depths ? args.depths[i] : i) + args.position_offset;
  if (position >= args.positions) position = args.positions - 1;
  if (position < 0) position = 0;
  const float* cosines = args.table + position * d;
  T* q = static_cast<T*>(args.qkv) + i * (int64_t(args.heads) + 2 * int64_t(args.kv_heads)) * d;
  const T* q_norm = static_cast<const T*>(args.q_norm);
  for (int32_t h = 0; h < args.heads; ++h) {
    rotate_head<S>(q + int64_t(h) * d, q + int64_t(h) * d, q_norm, cosines, d, args.eps);
  }
  if (slot < 0 || slot >= args.slots) return;
  const int64_t row = int64_t(args.kv_heads) * d;
  const int64_t row_bytes = cache_row_bytes(args.kv_heads, d, args.cache);
  const T* k = q + int64_t(args.heads) * d;
  const T* k_norm = static_cast<const T*>(args.k_norm);
  if (args.cache == SMQ_I8) {
    T head[kMaxHeadDim];
    int8_t* const keys = static_cast<int8_t*>(args.k_cache) + slot * row_bytes;
    int8_t* const values = static_cast<int8_t*>(args.v_cache) + slot * row_bytes;
    for (int32_t h = 0; h < args.kv_heads; ++h) {
      rotate_head<S>(head, k + int64_t(h) * d, k_norm, cosines, d, args.eps);
      quantize_head(keys + int64_t(h) * d, reinterpret_cast<T*>(keys + row) + h, head, d);
      quantize_head(values + int64_t(h) * d, reinterpret_cast<T*>(values + row) + h, k + row + int64_t(h) * d, d);
    }
    return;
  }
  T* k_slot = static_cast<T*>(args.k_cache) + slot * row;
  for (int32_t h = 0; h < args.kv_heads; ++h) {
    rotate_head<S>(k_slot + int64_t(h) * d, k + int64_t(h) * d, k_norm, cosines, d, args.eps);
  }
  std::memcpy(static_cast<T*>(args.v_cache) + slot * row, k + row, std::size_t(row) * sizeof(T));
}

}  // namespace smq

// Norm and rotation of q and k, and the write of k and v into their caches, in one pass: a warp takes
// one head of one row.
#include "ops/elements.cuh"
#include "ops/reduce.cuh"

using namespace smq;

namespace {

constexpr int kWarps = 4;

template <class T>
struct RopeKv {
  T* qkv;
  const float* table;
  const int32_t *cache_length, *depths;
  const T *q_norm, *k_norm;
  T *k_cache, *v_cache;
  int32_t positions, position_offset, slot_offset, slots, heads, kv_heads, head_dim;
  float eps;
};

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
      low.e[e] = narrow<T>(a * c.e[e] - b * s.e[e]);
      high.e[e] = narrow<T>(b * c.e[e] + a * s.e[e]);
    }
    store(out + j, low);
    store(out + half + j, high);
  }
}

template <class T, int kCount>
__global__ void __launch_bounds__(kWarps * 32) rope_kv_kernel(const RopeKv<T> args) {
  wait_for_previous();
  let_next_start();
  const int32_t d = args.head_dim;
  const int32_t h = int32_t(blockIdx.y) * kWarps + int(threadIdx.x) / 32;
  if (h >= args.heads + 2 * args.kv_heads) return;
  const int64_t i = blockIdx.x;
  const int64_t length = args.cache_length[0];
  const int64_t slot = length + args.slot_offset + i;
  int64_t position = length + (args.depths ? args.depths[i] : i) + args.position_offset;
  position = position >= args.positions ? args.positions - 1 : position;
  position = position < 0 ? 0 : position;
  const float* cosines = args.table + position * d;
  T* in = args.qkv + (i * (int64_t(args.heads) + 2 * int64_t(args.kv_heads)) + h) * d;
  if (h < args.heads) return rotate_head<T, kCount>(in, in, args.q_norm, cosines, d, args.eps);
  if (slot < 0 || slot >= args.slots) return;
  const int32_t kv = h - args.heads;
  if (kv < args.kv_heads) {
    T* k = args.k_cache + (slot * args.kv_heads + kv) * d;
    return rotate_head<T, kCount>(k, in, args.k_norm, cosines, d, args.eps);
  }
  T* v = args.v_cache + (slot * args.kv_heads + kv - args.kv_heads) * d;
  for (int32_t j = int(threadIdx.x) % 32 * kCount; j < d; j += 32 * kCount) {
    store(v + j, load<T, kCount>(in + j));
  }
}

}  // namespace

int32_t smq_rope_kv(smq_context* ctx, uint64_t qkv, uint64_t table, int32_t positions,
                    uint64_t cache_length, uint64_t depths, int32_t position_offset,
                    int32_t slot_offset, uint64_t q_norm, uint64_t k_norm, float eps,
                    uint64_t k_cache, uint64_t v_cache, int32_t slots, int32_t m, int32_t heads,
                    int32_t kv_heads, int32_t head_dim, int32_t dtype) {
  Check check;
  check.pointer("ctx", ctx).address("qkv", qkv).address("table", table);
  check.address("cache_length", cache_length).address("k_cache", k_cache);
  check.address("v_cache", v_cache).half("dtype", dtype).at_least("m", m, 1);
  check.at_least("positions", positions, 1).at_least("slots", slots, 1);
  check.at_least("heads", heads, 1).at_least("kv_heads", kv_heads, 1);
  check.at_least("head_dim", head_dim, 2).multiple("head_dim", head_dim, 2).finite("eps", eps);
  check.expect(eps >= 0, "eps is negative, expected 0 or more");
  check.extent("qkv", qkv, m, (int64_t(heads) + 2 * int64_t(kv_heads)) * head_dim, 2);
  check.extent("table", table, positions, head_dim, 4);
  check.extent("k_cache", k_cache, slots, int64_t(kv_heads) * head_dim, 2);
  check.extent("v_cache", v_cache, slots, int64_t(kv_heads) * head_dim, 2);
  if (check.failed()) return check.status();
  with_half(dtype, [&](auto type) {
    using T = decltype(type);
    const RopeKv<T> args{at<T>(qkv),       at<const float>(table), at<const int32_t>(cache_length),
                         at<const int32_t>(depths), at<const T>(q_norm), at<const T>(k_norm),
                         at<T>(k_cache),   at<T>(v_cache),         positions,
                         position_offset,  slot_offset,            slots,
                         heads,            kv_heads,               head_dim,
                         eps};
    const bool wide = head_dim % 4 == 0 && aligned(qkv | k_cache | v_cache, 4) && aligned(table, 8);
    const dim3 grid(unsigned(m), blocks_for(int64_t(heads) + 2 * int64_t(kv_heads), kWarps));
    launch(ctx, wide ? rope_kv_kernel<T, 2> : rope_kv_kernel<T, 1>, grid, kWarps * 32, 0, args);
  });
  return launched(ctx, "smq_rope_kv");
}

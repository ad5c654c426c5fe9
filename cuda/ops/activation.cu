// The gated activation of a feed-forward layer.
#include "ops/parts.cuh"
#include "ops/silu.cuh"

using namespace smq;

namespace {

constexpr int kThreads = 128;

template <class T, int kCount>
__global__ void silu_mul_kernel(T* out, const T* x, int32_t n) {
  let_next_start();
  wait_for_previous();
  const int64_t row = blockIdx.x;
  const int64_t j = (int64_t(blockIdx.y) * kThreads + threadIdx.x) * kCount;
  if (j >= n) return;
  const T* gate = x + row * 2 * n + j;
  store(out + row * n + j, silu_mul(load<T, kCount>(gate), load<T, kCount>(gate + n)));
}

}  // namespace

int32_t smq::run_silu_mul(smq_context* ctx, uint64_t out, uint64_t x, int32_t m, int32_t n,
                          int32_t dtype) {
  if (silu_mul_of_parts(ctx, out, x, m, n, dtype)) return launched(ctx, "smq_silu_mul");
  with_half(dtype, [&](auto type) {
    using T = decltype(type);
    const bool wide = aligned(out | x | uint64_t(n) * 2, 16);
    const dim3 grid(unsigned(m), blocks_for(n, kThreads * (wide ? 8 : 1)));
    const auto kernel = wide ? silu_mul_kernel<T, 8> : silu_mul_kernel<T, 1>;
    prefer_shared(kernel);
    launch(ctx, kernel, grid, kThreads, 0, at<T>(out),
           at<const T>(x), n);
  });
  return launched(ctx, "smq_silu_mul");
}

// RMS norm, and conversion of the residual stream to the activations' dtype and back.
#include "ops/norm_row.cuh"
#include "ops/parts.cuh"

using namespace smq;

namespace {

template <class T, int kCount>
__global__ void __launch_bounds__(kNormWarps * 32)
    rms_norm_kernel(T* out, int32_t out_stride, const float* x, const T* weight, int32_t width,
                    float eps) {
  // The weight comes into the cache while the previous kernel ends.
  for (int j = int(threadIdx.x) * kCount; j < width; j += kNormWarps * 32 * kCount) {
    asm volatile("prefetch.global.L2 [%0];" ::"l"(weight + j));
  }
  let_next_start();
  wait_for_previous();
  norm_row<T, kCount>(out + int64_t(blockIdx.x) * out_stride, x + int64_t(blockIdx.x) * width, weight,
                      width, eps);
}

constexpr int kConvertThreads = 256;

template <class T, int kCount>
__global__ void convert_kernel(T* out, int32_t out_stride, const float* x, int32_t width) {
  let_next_start();
  wait_for_previous();
  const int64_t j = (int64_t(blockIdx.y) * kConvertThreads + threadIdx.x) * kCount;
  if (j >= width) return;
  convert_pack<T, kCount>(out + int64_t(blockIdx.x) * out_stride + j,
                          x + int64_t(blockIdx.x) * width + j);
}

template <class T, int kCount>
__global__ void widen_kernel(float* out, const T* x, int32_t x_stride, int32_t width) {
  let_next_start();
  wait_for_previous();
  const int64_t j = (int64_t(blockIdx.y) * kConvertThreads + threadIdx.x) * kCount;
  if (j >= width) return;
  const auto pack = load<T, kCount>(x + int64_t(blockIdx.x) * x_stride + j);
  Pack<float, kCount> wide;
#pragma unroll
  for (int e = 0; e < kCount; ++e) wide.e[e] = widen(pack.e[e]);
  store(out + int64_t(blockIdx.x) * width + j, wide);
}

}  // namespace

int32_t smq::run_rms_norm(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x,
                          uint64_t weight, int32_t m, int32_t width, float eps, int32_t dtype) {
  with_half(dtype, [&](auto type) {
    using T = decltype(type);
    const uint64_t strides = uint64_t(out_stride) * 2 | uint64_t(width) * 2;
    const bool wide = aligned(out | weight | strides, 8) && aligned(x, 16);
    if (wide && rms_norm_of_parts(ctx, out, out_stride, x, weight, m, width, eps, dtype)) return;
    const auto kernel = wide ? rms_norm_kernel<T, 4> : rms_norm_kernel<T, 1>;
    prefer_shared(kernel);
    launch(ctx, kernel, unsigned(m), kNormWarps * 32, 0, at<T>(out), out_stride, at<const float>(x),
           at<const T>(weight), width, eps);
  });
  return launched(ctx, "smq_rms_norm");
}

int32_t smq::run_convert(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x, int32_t m,
                         int32_t width, int32_t dtype) {
  with_half(dtype, [&](auto type) {
    using T = decltype(type);
    const bool wide = aligned(out | uint64_t(out_stride) * 2 | uint64_t(width) * 2, 8) && aligned(x, 16);
    const dim3 grid(unsigned(m), blocks_for(width, kConvertThreads * (wide ? 4 : 1)));
    launch(ctx, wide ? convert_kernel<T, 4> : convert_kernel<T, 1>, grid, kConvertThreads, 0,
           at<T>(out), out_stride, at<const float>(x), width);
  });
  return launched(ctx, "smq_convert");
}

int32_t smq::run_widen(smq_context* ctx, uint64_t out, uint64_t x, int32_t x_stride, int32_t m,
                       int32_t width, int32_t dtype) {
  with_half(dtype, [&](auto type) {
    using T = decltype(type);
    const bool wide = aligned(x | uint64_t(x_stride) * 2 | uint64_t(width) * 2, 8) && aligned(out, 16);
    const dim3 grid(unsigned(m), blocks_for(width, kConvertThreads * (wide ? 4 : 1)));
    launch(ctx, wide ? widen_kernel<T, 4> : widen_kernel<T, 1>, grid, kConvertThreads, 0,
           at<float>(out), at<const T>(x), x_stride, width);
  });
  return launched(ctx, "smq_widen");
}

// RMS norm, and conversion of the residual stream to the activations' dtype.
#include "ops/elements.cuh"
#include "ops/reduce.cuh"

using namespace smq;

namespace {

// One block a row. A thread keeps its first kHeld packs of kCount elements in registers, so that a row
// of up to kThreads * kHeld * kCount elements is read once.
template <class T, int kThreads, int kCount>
__global__ void __launch_bounds__(kThreads)
    rms_norm_kernel(T* out, int32_t out_stride, const float* x, const T* weight, int32_t width,
                    float eps) {
  constexpr int kHeld = 4;
  constexpr int kStep = kThreads * kCount;
  __shared__ float shared[32];
  const int first = int(threadIdx.x) * kCount;
  // The weight comes into the cache while the previous kernel ends.
  for (int j = first; j < width; j += kStep) {
    asm volatile("prefetch.global.L2 [%0];" ::"l"(weight + j));
  }
  wait_for_previous();
  let_next_start();
  const float* row = x + int64_t(blockIdx.x) * width;
  Pack<float, kCount> held[kHeld];
  Pack<T, kCount> by[kHeld];
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    const int j = first + h * kStep;
    if (j < width) held[h] = load<float, kCount>(row + j);
    if (j < width) by[h] = load<T, kCount>(weight + j);
  }
  float squares = 0;
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    if (first + h * kStep >= width) break;
#pragma unroll
    for (int e = 0; e < kCount; ++e) squares = fmaf(held[h].e[e], held[h].e[e], squares);
  }
  for (int j = first + kHeld * kStep; j < width; j += kStep) {
    const auto v = load<float, kCount>(row + j);
#pragma unroll
    for (int e = 0; e < kCount; ++e) squares = fmaf(v.e[e], v.e[e], squares);
  }
  const float scale = 1.0f / sqrtf(block_sum<kThreads>(squares, shared) / float(width) + eps);
  T* to = out + int64_t(blockIdx.x) * out_stride;
  const auto write = [&](int j, const Pack<float, kCount>& v, const Pack<T, kCount>& w) {
    Pack<T, kCount> result;
#pragma unroll
    for (int e = 0; e < kCount; ++e) result.e[e] = narrow<T>(v.e[e] * scale * widen(w.e[e]));
    store(to + j, result);
  };
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    const int j = first + h * kStep;
    if (j < width) write(j, held[h], by[h]);
  }
  for (int j = first + kHeld * kStep; j < width; j += kStep) {
    write(j, load<float, kCount>(row + j), load<T, kCount>(weight + j));
  }
}

constexpr int kConvertThreads = 256;

template <class T, int kCount>
__global__ void convert_kernel(T* out, int32_t out_stride, const float* x, int32_t width) {
  wait_for_previous();
  let_next_start();
  const int64_t j = (int64_t(blockIdx.y) * kConvertThreads + threadIdx.x) * kCount;
  if (j >= width) return;
  const auto v = load<float, kCount>(x + int64_t(blockIdx.x) * width + j);
  Pack<T, kCount> result;
#pragma unroll
  for (int e = 0; e < kCount; ++e) result.e[e] = narrow<T>(v.e[e]);
  store(out + int64_t(blockIdx.x) * out_stride + j, result);
}

// The table of instances: threads and elements of an access follow from the shape alone.
template <class T>
void rms_norm(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x, uint64_t weight,
              int32_t m, int32_t width, float eps) {
  const uint64_t strides = uint64_t(out_stride) * 2 | uint64_t(width) * 2;
  const bool wide = aligned(out | weight | strides, 8) && aligned(x, 16);
  const bool large = width > 2048;
  const auto kernel = wide ? (large ? rms_norm_kernel<T, 512, 4> : rms_norm_kernel<T, 128, 4>)
                           : (large ? rms_norm_kernel<T, 512, 1> : rms_norm_kernel<T, 128, 1>);
  launch(ctx, kernel, unsigned(m), large ? 512 : 128, 0, at<T>(out), out_stride, at<const float>(x),
         at<const T>(weight), width, eps);
}

}  // namespace

int32_t smq::run_rms_norm(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x,
                          uint64_t weight, int32_t m, int32_t width, float eps, int32_t dtype) {
  with_half(dtype, [&](auto type) {
    rms_norm<decltype(type)>(ctx, out, out_stride, x, weight, m, width, eps);
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

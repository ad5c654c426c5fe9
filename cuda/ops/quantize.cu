// Rows of activations in eight bits: as they are, normalised, or gated. One block a row.
#include "ops/norm_row.cuh"
#include "ops/quantize_row.cuh"
#include "ops/silu.cuh"

#include <type_traits>
#include <utility>

using namespace smq;

namespace {

constexpr int kRowThreads = 256, kGateThreads = 512, kHeld = 4;

template <class T, int Count>
__device__ __forceinline__ Pack<float, Count> widened(const T* from) {
  const Pack<T, Count> x = load<T, Count>(from);
  Pack<float, Count> result;
#pragma unroll
  for (int e = 0; e < Count; ++e) result.e[e] = widen(x.e[e]);
  return result;
}

// The first packs of a thread, zeros behind the end.
template <int Threads, int Count, class Load>
__device__ __forceinline__ void hold(Pack<float, Count> (&held)[kHeld], int32_t width, Load load) {
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    const int j = (int(threadIdx.x) + h * Threads) * Count;
    held[h] = {};
    if (j < width) held[h] = load(j);
  }
}

template <class T, int Form, int Count>
__global__ void __launch_bounds__(kRowThreads) quantize_kernel(const Quantized to, const T* x) {
  let_next_start();
  wait_for_previous();
  const T* const row = x + int64_t(blockIdx.x) * to.width;
  const auto element = [&](int j) { return widened<T, Count>(row + j); };
  Pack<float, Count> held[kHeld];
  hold<kRowThreads>(held, to.width, element);
  quantize_row<Form, kRowThreads>(to, held, element);
}

template <class T, int Form, int Count>
__global__ void __launch_bounds__(kGateThreads) silu_mul_quantized_kernel(const Quantized to, const T* x) {
  let_next_start();
  wait_for_previous();
  const T* const row = x + int64_t(blockIdx.x) * 2 * to.width;
  const auto element = [&](int j) {
    const Pack<T, Count> gate = load<T, Count>(row + j), up = load<T, Count>(row + to.width + j);
    Pack<float, Count> result;
#pragma unroll
    for (int e = 0; e < Count; ++e) result.e[e] = silu_mul(widen(gate.e[e]), widen(up.e[e]));
    return result;
  };
  Pack<float, Count> held[kHeld];
  hold<kGateThreads>(held, to.width, element);
  quantize_row<Form, kGateThreads>(to, held, element);
}

template <class T, int Form, int Count>
__global__ void __launch_bounds__(kNormWarps * 32)
    rms_norm_quantized_kernel(const Quantized to, const float* x, const T* weight, float eps) {
  constexpr int kThreads = kNormWarps * 32, kStep = kThreads * Count;
  // The weight comes into the cache while the previous kernel ends.
  for (int j = int(threadIdx.x) * Count; j < to.width; j += kStep) {
    asm volatile("prefetch.global.L2 [%0];" ::"l"(weight + j));
  }
  let_next_start();
  wait_for_previous();
  const float* const row = x + int64_t(blockIdx.x) * to.width;
  const int first = int(threadIdx.x) * Count;
  Pack<float, Count> held[kHeldChunks] = {};
  Pack<T, Count> by[kHeldChunks] = {};
#pragma unroll
  for (int h = 0; h < kHeldChunks; ++h) {
    const int j = first + h * kStep;
    if (j < to.width) held[h] = load<float, Count>(row + j);
    if (j < to.width) by[h] = load<T, Count>(weight + j);
  }
  const float scale = row_scale(held, row, to.width, eps);
  const auto normed = [&](const Pack<float, Count>& from, const Pack<T, Count>& factors) {
    Pack<float, Count> result;
#pragma unroll
    for (int e = 0; e < Count; ++e) result.e[e] = from.e[e] * scale * widen(factors.e[e]);
    return result;
  };
  // Zero times an infinite scale behind the row's end must not count.
#pragma unroll
  for (int h = 0; h < kHeldChunks; ++h) {
    if (first + h * kStep < to.width) held[h] = normed(held[h], by[h]);
  }
  quantize_row<Form, kThreads>(to, held, [&](int j) {
    return normed(load<float, Count>(row + j), load<T, Count>(weight + j));
  });
}

template <class... Parameters, class... Arguments>
void launch_rows(smq_context* ctx, void (*kernel)(Parameters...), int32_t m, int threads,
                 Arguments&&... arguments) {
  prefer_shared(kernel);
  launch(ctx, kernel, unsigned(m), unsigned(threads), 0, std::forward<Arguments>(arguments)...);
}

// Calls body with the dtype's type and the form as a constant.
template <class Body>
void with_types(int32_t dtype, int32_t form, Body&& body) {
  with_half(dtype, [&](auto type) {
    if (form == SMQ_I8) {
      body(type, std::integral_constant<int, SMQ_I8>());
    } else {
      body(type, std::integral_constant<int, SMQ_E4M3>());
    }
  });
}

Quantized quantized(uint64_t out, uint64_t scales, uint64_t sums, int32_t width) {
  return {at<uint8_t>(out), at<float>(scales), at<int32_t>(sums), width};
}

}  // namespace

int32_t smq::run_quantize_rows(smq_context* ctx, uint64_t out, uint64_t scales, uint64_t sums,
                               uint64_t x, int32_t m, int32_t k, int32_t dtype, int32_t form) {
  if (const int32_t status = enter(ctx)) return status;
  const Quantized to = quantized(out, scales, sums, k);
  with_types(dtype, form, [&](auto type, auto kForm) {
    using T = decltype(type);
    constexpr int kTo = decltype(kForm)::value;
    const bool wide = aligned(out | uint64_t(k), 8) && aligned(x, 16);
    launch_rows(ctx, wide ? quantize_kernel<T, kTo, 8> : quantize_kernel<T, kTo, 1>, m, kRowThreads, to,
                at<const T>(x));
  });
  return launched(ctx, "smq_quantize_rows");
}

int32_t smq::run_rms_norm_quantized(smq_context* ctx, uint64_t out, uint64_t scales, uint64_t sums,
                                    uint64_t x, uint64_t weight, int32_t m, int32_t width, float eps,
                                    int32_t dtype, int32_t form) {
  if (const int32_t status = enter(ctx)) return status;
  const Quantized to = quantized(out, scales, sums, width);
  with_types(dtype, form, [&](auto type, auto kForm) {
    using T = decltype(type);
    constexpr int kTo = decltype(kForm)::value;
    const bool wide = aligned(out | uint64_t(width), 4) && aligned(weight, 8) && aligned(x, 16);
    launch_rows(ctx, wide ? rms_norm_quantized_kernel<T, kTo, 4> : rms_norm_quantized_kernel<T, kTo, 1>, m,
                kNormWarps * 32, to, at<const float>(x), at<const T>(weight), eps);
  });
  return launched(ctx, "smq_rms_norm_quantized");
}

int32_t smq::run_silu_mul_quantized(smq_context* ctx, uint64_t out, uint64_t scales, uint64_t sums,
                                    uint64_t x, int32_t m, int32_t n, int32_t dtype, int32_t form) {
  if (const int32_t status = enter(ctx)) return status;
  const Quantized to = quantized(out, scales, sums, n);
  with_types(dtype, form, [&](auto type, auto kForm) {
    using T = decltype(type);
    constexpr int kTo = decltype(kForm)::value;
    const bool wide = aligned(out | uint64_t(n), 8) && aligned(x, 16);
    launch_rows(ctx, wide ? silu_mul_quantized_kernel<T, kTo, 8> : silu_mul_quantized_kernel<T, kTo, 1>, m,
                kGateThreads, to, at<const T>(x));
  });
  return launched(ctx, "smq_silu_mul_quantized");
}

// RMS norm, and conversion of the residual stream to the activations' dtype and back.
#include "context.h"

using namespace smq;

int32_t smq::run_rms_norm(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x,
                          uint64_t weight, int32_t m, int32_t width, float eps, int32_t dtype) {
  return submit(ctx, [=] {
    const auto kernel = ctx->kernels.half[dtype].rms_norm;
    ctx->pool.run(m, 0.25 * width, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        kernel(at<uint16_t>(out) + i * out_stride, at<const float>(x) + i * width,
               at<const void>(weight), width, eps);
      }
    });
  });
}

int32_t smq::run_convert(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x, int32_t m,
                         int32_t width, int32_t dtype) {
  return submit(ctx, [=] {
    const auto kernel = ctx->kernels.half[dtype].narrow;
    ctx->pool.run(m, 0.15 * width, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        kernel(at<uint16_t>(out) + i * out_stride, at<const float>(x) + i * width, width);
      }
    });
  });
}

int32_t smq::run_widen(smq_context* ctx, uint64_t out, uint64_t x, int32_t x_stride, int32_t m,
                       int32_t width, int32_t dtype) {
  return submit(ctx, [=] {
    const auto kernel = ctx->kernels.half[dtype].widen;
    ctx->pool.run(m, 0.15 * width, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        kernel(at<float>(out) + i * width, at<const uint16_t>(x) + i * x_stride, width);
      }
    });
  });
}

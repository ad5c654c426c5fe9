// Rows of activations in eight bits: as they are, normalised, or gated.
#include "context.h"

using namespace smq;

namespace {

// Where the rows go.
struct Quantized {
  uint64_t out, scales, sums;
  int32_t m, width, form;
};

// `fill(row, i)` writes row i in f32; an element costs about `cost` nanoseconds.
template <class Fill>
int32_t submit_quantize(smq_context* ctx, const Quantized& to, double cost, const Fill& fill) {
  const int64_t scratch = int64_t(ctx->pool.threads()) * to.width * int64_t(sizeof(float));
  const auto call = [=] {
    const auto kernel = ctx->kernels.quantize[to.form == SMQ_E4M3];
    float* const rows = reinterpret_cast<float*>(ctx->scratch.data());
    ctx->pool.run(to.m, cost * to.width, [&](int64_t begin, int64_t end, int worker) {
      float* row = rows + int64_t(worker) * to.width;
      for (int64_t i = begin; i < end; ++i) {
        fill(row, i);
        kernel(at<uint8_t>(to.out) + i * to.width, at<float>(to.scales) + i,
               at<int32_t>(to.sums) + i, row, to.width);
      }
    });
  };
  return submit(ctx, call, scratch);
}

}  // namespace

int32_t smq::run_quantize_rows(smq_context* ctx, uint64_t out, uint64_t scales, uint64_t sums,
                               uint64_t x, int32_t m, int32_t k, int32_t dtype, int32_t form) {
  const auto widen = ctx->kernels.half[dtype].widen;
  return submit_quantize(ctx, {out, scales, sums, m, k, form}, 0.5, [=](float* row, int64_t i) {
    widen(row, at<const uint16_t>(x) + i * k, k);
  });
}

int32_t smq::run_rms_norm_quantized(smq_context* ctx, uint64_t out, uint64_t scales, uint64_t sums,
                                    uint64_t x, uint64_t weight, int32_t m, int32_t width, float eps,
                                    int32_t dtype, int32_t form) {
  const auto norm = ctx->kernels.half[dtype].rms_norm_wide;
  return submit_quantize(ctx, {out, scales, sums, m, width, form}, 0.7, [=](float* row, int64_t i) {
    norm(row, at<const float>(x) + i * width, at<const void>(weight), width, eps);
  });
}

int32_t smq::run_silu_mul_quantized(smq_context* ctx, uint64_t out, uint64_t scales, uint64_t sums,
                                    uint64_t x, int32_t m, int32_t n, int32_t dtype, int32_t form) {
  const auto gated = ctx->kernels.half[dtype].silu_mul_wide;
  return submit_quantize(ctx, {out, scales, sums, m, n, form}, 1.5, [=](float* row, int64_t i) {
    const uint16_t* gate = at<const uint16_t>(x) + i * 2 * n;
    gated(row, gate, gate + n, n);
  });
}

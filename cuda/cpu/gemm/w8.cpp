// Eight-bit weights. Packed: [n, k] as they are stored, and behind them f32 [n] scales.
#include <cstring>

#include "gemm/gemm.h"

using namespace smq;

int32_t smq::run_gemm_w8a8(smq_context* ctx, const GemmArgs& args) {
  const Kernels& kernels = ctx->kernels;
  return submit_gemm(ctx, args, {kernels.gemm.w8a8, kernels.widen_i8, 1, 2, 0.06});
}

int32_t smq::run_gemm_fp8(smq_context* ctx, const GemmArgs& args) {
  const Kernels& kernels = ctx->kernels;
  return submit_gemm(ctx, args, {kernels.gemm.fp8, kernels.widen_e4m3, 1, 4, 0.1});
}

int32_t smq::run_gemm_w8a16(smq_context* ctx, const GemmArgs& args) {
  const WidenKernel widen = ctx->kernels.half[args.dtype].widen;
  return submit_gemm(ctx, args, {ctx->kernels.gemm.w8a16, widen, 2, 4, 0.06});
}

int32_t smq::run_w8_bytes(int32_t n, int32_t k, int64_t* out) {
  *out = n * (int64_t(k) + int64_t(sizeof(float)));
  return SMQ_OK;
}

int32_t smq::run_w8_pack(smq_context* ctx, uint64_t w, int32_t n_total, int32_t n_offset,
                         uint64_t qweight, uint64_t scales, int32_t n, int32_t k) {
  return submit(ctx, [=] {
    std::memcpy(at<uint8_t>(w) + int64_t(n_offset) * k, at<const uint8_t>(qweight),
                std::size_t(n) * std::size_t(k));
    std::memcpy(at<uint8_t>(w) + int64_t(n_total) * k + n_offset * int64_t(sizeof(float)),
                at<const float>(scales), std::size_t(n) * sizeof(float));
  });
}

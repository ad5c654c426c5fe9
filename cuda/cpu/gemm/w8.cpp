// Eight-bit weights with a scale for each output, in panels (gemm/lanes.h).
#include "gemm/gemm.h"
#include "gemm/lanes.h"

using namespace smq;

int32_t smq::run_gemm_w8a8(smq_context* ctx, const GemmArgs& args) {
  return submit_gemm(ctx, args, {ctx->kernels.gemm.w8a8, nullptr, nullptr, 0, kLanes, 1, 1, 0.05});
}

int32_t smq::run_gemm_fp8(smq_context* ctx, const GemmArgs& args) {
  const Kernels& kernels = ctx->kernels;
  return submit_gemm(ctx, args,
                     {kernels.gemm.fp8, kernels.widen_e4m3, kernels.gemm.fp8_row, 0, kLanes, 1, 4, 0.07});
}

int32_t smq::run_gemm_w8a16(smq_context* ctx, const GemmArgs& args) {
  const WidenKernel widen = ctx->kernels.half[args.dtype].widen;
  return submit_gemm(ctx, args, {ctx->kernels.gemm.w8a16, widen, nullptr, 0, kLanes, 2, 4, 0.07});
}

int32_t smq::run_w8_bytes(int32_t n, int32_t k, int64_t* out) {
  *out = w8_layout(k).bytes(n);
  return SMQ_OK;
}

int32_t smq::run_w8_pack(smq_context* ctx, uint64_t w, int32_t n_total, int32_t n_offset,
                         uint64_t qweight, uint64_t scales, int32_t n, int32_t k) {
  (void)n_total;
  return submit(ctx, [=] {
    const LaneLayout layout = w8_layout(k);
    ctx->pool.run(n, 1.0 * k, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = n_offset + i;
        const uint8_t* from = at<const uint8_t>(qweight) + i * k;
        bool nan = false;
        for (int32_t j = 0; j < k; ++j) {
          *at<uint8_t>(w + uint64_t(layout.place(row, j))) = from[j];
          nan |= (from[j] & 0x7f) == 0x7f;
        }
        float* const head = at<float>(w + uint64_t(layout.start(row))) + row % kLanes;
        head[0] = at<const float>(scales)[i];
        head[kLanes] = nan ? __builtin_nanf("") : 0.0f;
      }
    });
  });
}

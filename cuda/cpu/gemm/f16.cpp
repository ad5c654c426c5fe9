// Products with weights of the activations' dtype.
#include "gemm/gemm.h"

using namespace smq;

int32_t smq::run_gemm_f16(smq_context* ctx, const GemmArgs& args) {
  const Kernels& kernels = ctx->kernels;
  const WidenKernel widen = kernels.half[args.dtype].widen;
  return submit_gemm(ctx, args, {kernels.gemm.f16[args.dtype], widen, nullptr, 0, kPanel, 2, 4, 0.08});
}

// Products with weights of the activations' dtype.
#include "gemm/gemm.h"

using namespace smq;

int32_t smq::run_gemm_f16(smq_context* ctx, const GemmArgs& args) {
  const HalfKernels& half = ctx->kernels.half[args.dtype];
  return submit_gemm(ctx, args, {half.gemm_f16, half.widen, 2, 4, 0.08});
}

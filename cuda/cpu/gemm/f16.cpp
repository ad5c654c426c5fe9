// Products with weights of the activations' dtype.
#include "gemm/gemm.h"

using namespace smq;

int32_t smq::run_gemm_f16(smq_context* ctx, const GemmArgs& args) {
  return submit_gemm(ctx, args, ctx->kernels.half[args.dtype].gemm_f16, 0.08);
}

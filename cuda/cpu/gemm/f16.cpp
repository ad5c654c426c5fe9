// Products with weights of the activations' dtype.
#include "gemm/gemm.h"

using namespace smq;

int32_t smq_gemm_f16(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue, uint64_t x,
                     uint64_t w, uint64_t bias, int32_t m, int32_t n, int32_t k, int32_t dtype) {
  const GemmCall call{y, x, w, bias, y_stride, epilogue, m, n, k, 0, dtype};
  Check check;
  check_gemm(check, ctx, call);
  if (check.extent("w", w, n, k, 2).failed()) return check.status();
  return submit_gemm(ctx, call, ctx->kernels.half[dtype].gemm_f16, 0.08);
}

// What products share, and those with weights of the activations' dtype.
#include "common/ops/gemm.h"

using namespace smq;

void smq::check_gemm(Check& check, const smq_context* ctx, const GemmArgs& args, int64_t x_bytes) {
  check.pointer("ctx", ctx).address("y", args.y).address("x", args.x).address("w", args.w);
  check.between("epilogue", args.epilogue, SMQ_STORE, SMQ_LOGITS).half("dtype", args.dtype);
  check.at_least("m", args.m, 1).at_least("n", args.n, 1).at_least("k", args.k, 1);
  check.at_least("y_stride", args.y_stride, args.n).limit("k", args.k, kMostInputs);
  check.extent("x", args.x, args.m, args.k, x_bytes).extent("y", args.y, args.m, args.y_stride, 4);
}

void smq::check_part(Check& check, int32_t n_total, int32_t n_offset, int32_t n) {
  check.at_least("n_total", n_total, n).between("n_offset", n_offset, 0, int64_t(n_total) - n);
}

int32_t smq_gemm_f16(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue, uint64_t x,
                     uint64_t w, uint64_t bias, int32_t m, int32_t n, int32_t k, int32_t dtype) {
  const GemmArgs args{y, x, w, bias, y_stride, epilogue, m, n, k, 0, dtype, 0, 0, 0};
  Check check;
  check_gemm(check, ctx, args, 2);
  check.extent("w", w, n, k, 2);
  return check.failed() ? check.status() : run_gemm_f16(ctx, args);
}

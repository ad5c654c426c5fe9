// Products with four-bit weights on 16-bit activations, and packing them.
#include "common/ops/gemm.h"

using namespace smq;

namespace {

void check_shape(Check& check, int32_t n, int32_t k, int32_t group) {
  check.at_least("n", n, 1).at_least("k", k, 1).multiple("k", k, 8).limit("k", k, kMostInputs);
  check.at_least("group", group, 8).multiple("group", group, 8);
}

}  // namespace

int32_t smq_gemm_w4a16(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue, uint64_t x,
                       uint64_t w, uint64_t bias, int32_t m, int32_t n, int32_t k, int32_t group,
                       int32_t zeros, int32_t dtype) {
  const GemmArgs args{y, x, w, bias, y_stride, epilogue, m, n, k, group, dtype, zeros, 0, 0};
  Check check;
  check_gemm(check, ctx, args, 2);
  check_shape(check, n, k, group);
  if (check.between("zeros", zeros, SMQ_ZEROS_NONE, SMQ_ZEROS_OFFSETS).failed()) return check.status();
  int64_t bytes = 0;
  if (const int32_t status = run_w4a16_bytes(n, k, group, zeros, &bytes)) return status;
  check.extent("w", w, bytes, 1, 1);
  return check.failed() ? check.status() : run_gemm_w4a16(ctx, args);
}

int32_t smq_w4a16_bytes(int32_t n, int32_t k, int32_t group, int32_t zeros, int64_t* out) {
  Check check;
  check.pointer("out", out);
  check_shape(check, n, k, group);
  check.between("zeros", zeros, SMQ_ZEROS_NONE, SMQ_ZEROS_OFFSETS);
  return check.failed() ? check.status() : run_w4a16_bytes(n, k, group, zeros, out);
}

int32_t smq_w4a16_pack(smq_context* ctx, uint64_t w, int32_t n_total, int32_t n_offset,
                       uint64_t qweight, uint64_t scales, uint64_t zeros, uint64_t offsets,
                       uint64_t order, int32_t n, int32_t k, int32_t group) {
  Check check;
  check.pointer("ctx", ctx).address("w", w).address("qweight", qweight).address("scales", scales);
  check_shape(check, n, k, group);
  check_part(check, n_total, n_offset, n);
  check.expect(!zeros || !offsets, "zeros and offsets are both given, expected at most one of them");
  if (check.failed()) return check.status();
  return run_w4a16_pack(ctx, {w, qweight, scales, zeros, offsets, order, n_total, n_offset, n, k, group});
}

int32_t smq_gather_columns(smq_context* ctx, uint64_t out, uint64_t x, uint64_t order, int32_t m,
                           int32_t k, int32_t dtype) {
  Check check;
  check.pointer("ctx", ctx).address("out", out).address("x", x).address("order", order);
  check.at_least("m", m, 1).at_least("k", k, 1).half("dtype", dtype);
  check.extent("x", x, m, k, 2).extent("out", out, m, k, 2);
  return check.failed() ? check.status() : run_gather_columns(ctx, out, x, order, m, k, dtype);
}

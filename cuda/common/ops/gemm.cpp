// Products, and the packing of four-bit weights for them.
#include "common/error.h"
#include "common/ops.h"

using namespace smq;

namespace {

constexpr int32_t kMostInputs = 1 << 24;

// All but the weight.
void check_gemm(Check& check, const smq_context* ctx, const GemmArgs& args) {
  check.pointer("ctx", ctx).address("y", args.y).address("x", args.x).address("w", args.w);
  check.between("epilogue", args.epilogue, SMQ_STORE, SMQ_LOGITS).half("dtype", args.dtype);
  check.at_least("m", args.m, 1).at_least("n", args.n, 1).at_least("k", args.k, 1);
  check.at_least("y_stride", args.y_stride, args.n).limit("k", args.k, kMostInputs);
  check.extent("x", args.x, args.m, args.k, 2).extent("y", args.y, args.m, args.y_stride, 4);
}

// The shape of a four-bit weight.
void check_w4a16(Check& check, int32_t n, int32_t k, int32_t group) {
  check.at_least("n", n, 1).at_least("k", k, 1).multiple("k", k, 8).limit("k", k, kMostInputs);
  check.at_least("group", group, 8).multiple("group", group, 8);
}

}  // namespace

int32_t smq_gemm_f16(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue, uint64_t x,
                     uint64_t w, uint64_t bias, int32_t m, int32_t n, int32_t k, int32_t dtype) {
  const GemmArgs args{y, x, w, bias, y_stride, epilogue, m, n, k, 0, dtype};
  Check check;
  check_gemm(check, ctx, args);
  check.extent("w", w, n, k, 2);
  return check.failed() ? check.status() : run_gemm_f16(ctx, args);
}

int32_t smq_gemm_w4a16(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue, uint64_t x,
                       uint64_t w, uint64_t bias, int32_t m, int32_t n, int32_t k, int32_t group,
                       int32_t dtype) {
  const GemmArgs args{y, x, w, bias, y_stride, epilogue, m, n, k, group, dtype};
  Check check;
  check_gemm(check, ctx, args);
  check_w4a16(check, n, k, group);
  if (check.failed()) return check.status();
  int64_t bytes = 0;
  if (const int32_t status = run_w4a16_bytes(n, k, group, &bytes)) return status;
  check.extent("w", w, bytes, 1, 1);
  return check.failed() ? check.status() : run_gemm_w4a16(ctx, args);
}

int32_t smq_w4a16_bytes(int32_t n, int32_t k, int32_t group, int64_t* out) {
  Check check;
  check.pointer("out", out);
  check_w4a16(check, n, k, group);
  return check.failed() ? check.status() : run_w4a16_bytes(n, k, group, out);
}

int32_t smq_w4a16_pack(smq_context* ctx, uint64_t w, int32_t n_total, int32_t n_offset,
                       uint64_t qweight, uint64_t scales, uint64_t order, int32_t n, int32_t k,
                       int32_t group) {
  Check check;
  check.pointer("ctx", ctx).address("w", w).address("qweight", qweight).address("scales", scales);
  check_w4a16(check, n, k, group);
  if (check.failed()) return check.status();
  check.at_least("n_total", n_total, n).between("n_offset", n_offset, 0, int64_t(n_total) - n);
  if (check.failed()) return check.status();
  return run_w4a16_pack(ctx, w, n_total, n_offset, qweight, scales, order, n, k, group);
}

int32_t smq_gather_columns(smq_context* ctx, uint64_t out, uint64_t x, uint64_t order, int32_t m,
                           int32_t k, int32_t dtype) {
  Check check;
  check.pointer("ctx", ctx).address("out", out).address("x", x).address("order", order);
  check.at_least("m", m, 1).at_least("k", k, 1).half("dtype", dtype);
  check.extent("x", x, m, k, 2).extent("out", out, m, k, 2);
  return check.failed() ? check.status() : run_gather_columns(ctx, out, x, order, m, k, dtype);
}

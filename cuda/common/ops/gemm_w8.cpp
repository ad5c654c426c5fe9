// Products with eight-bit weights, and packing them.
#include "common/ops/gemm.h"

using namespace smq;

namespace {

void check_shape(Check& check, int32_t n, int32_t k) {
  check.at_least("n", n, 1).at_least("k", k, 1).multiple("k", k, 16).limit("k", k, kMostInputs);
}

// The weight of a product, whose other arguments have been checked.
void check_weight(Check& check, const GemmArgs& args) {
  check_shape(check, args.n, args.k);
  check.extent("w", args.w, args.n, args.k, 1);
}

}  // namespace

int32_t smq_gemm_w8a8(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue, uint64_t x,
                      uint64_t x_scales, uint64_t w, uint64_t bias, int32_t m, int32_t n, int32_t k,
                      int32_t dtype) {
  const GemmArgs args{y, x, w, bias, y_stride, epilogue, m, n, k, 0, dtype, 0, x_scales, 0};
  Check check;
  check_gemm(check, ctx, args, 1);
  check.address("x_scales", x_scales).limit("k", k, kMostSummed);
  check_weight(check, args);
  return check.failed() ? check.status() : run_gemm_w8a8(ctx, args);
}

int32_t smq_gemm_fp8(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue, uint64_t x,
                     uint64_t x_scales, uint64_t w, uint64_t bias, int32_t m, int32_t n, int32_t k,
                     int32_t dtype) {
  const GemmArgs args{y, x, w, bias, y_stride, epilogue, m, n, k, 0, dtype, 0, x_scales, 0};
  Check check;
  check_gemm(check, ctx, args, 1);
  check.address("x_scales", x_scales);
  check_weight(check, args);
  return check.failed() ? check.status() : run_gemm_fp8(ctx, args);
}

int32_t smq_gemm_w8a16(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue, uint64_t x,
                       uint64_t w, uint64_t bias, int32_t m, int32_t n, int32_t k, int32_t dtype) {
  const GemmArgs args{y, x, w, bias, y_stride, epilogue, m, n, k, 0, dtype, 0, 0, 0};
  Check check;
  check_gemm(check, ctx, args, 2);
  check_weight(check, args);
  return check.failed() ? check.status() : run_gemm_w8a16(ctx, args);
}

int32_t smq_w8_bytes(int32_t n, int32_t k, int64_t* out) {
  Check check;
  check.pointer("out", out);
  check_shape(check, n, k);
  return check.failed() ? check.status() : run_w8_bytes(n, k, out);
}

int32_t smq_w8_pack(smq_context* ctx, uint64_t w, int32_t n_total, int32_t n_offset, uint64_t qweight,
                    uint64_t scales, int32_t n, int32_t k) {
  Check check;
  check.pointer("ctx", ctx).address("w", w).address("qweight", qweight).address("scales", scales);
  check_shape(check, n, k);
  check_part(check, n_total, n_offset, n);
  if (check.failed()) return check.status();
  return run_w8_pack(ctx, w, n_total, n_offset, qweight, scales, n, k);
}

namespace {

void check_groups(Check& check, int32_t n, int32_t k, int32_t group, int32_t offsets) {
  check.at_least("n", n, 1).at_least("k", k, 1).multiple("k", k, 32).limit("k", k, kMostInputs);
  check.between("group", group, 16, 32).multiple("group", group, 16).between("offsets", offsets, 0, 1);
}

}  // namespace

int32_t smq_gemm_w8a16_group(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue,
                             uint64_t x, uint64_t w, uint64_t bias, int32_t m, int32_t n, int32_t k,
                             int32_t group, int32_t offsets, int32_t dtype) {
  const GemmArgs args{y, x, w, bias, y_stride, epilogue, m, n, k, group, dtype, offsets, 0, 0};
  Check check;
  check_gemm(check, ctx, args, 2);
  check_groups(check, n, k, group, offsets);
  if (check.failed()) return check.status();
  int64_t bytes = 0;
  if (const int32_t status = run_w8_group_bytes(n, k, group, offsets, &bytes)) return status;
  check.extent("w", w, bytes, 1, 1);
  return check.failed() ? check.status() : run_gemm_w8a16_group(ctx, args);
}

int32_t smq_w8_group_bytes(int32_t n, int32_t k, int32_t group, int32_t offsets, int64_t* out) {
  Check check;
  check.pointer("out", out);
  check_groups(check, n, k, group, offsets);
  return check.failed() ? check.status() : run_w8_group_bytes(n, k, group, offsets, out);
}

int32_t smq_w8_group_pack(smq_context* ctx, uint64_t w, int32_t n_total, int32_t n_offset,
                          uint64_t qweight, uint64_t scales, uint64_t offsets, int32_t n, int32_t k,
                          int32_t group) {
  Check check;
  check.pointer("ctx", ctx).address("w", w).address("qweight", qweight).address("scales", scales);
  check_groups(check, n, k, group, offsets != 0);
  check_part(check, n_total, n_offset, n);
  if (check.failed()) return check.status();
  return run_w8_group_pack(ctx, w, n_total, n_offset, qweight, scales, offsets, n, k, group);
}

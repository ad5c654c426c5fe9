// Products with four-bit weights on eight-bit activations, and packing them.
#include "common/ops/gemm.h"

using namespace smq;

namespace {

void check_shape(Check& check, int32_t n, int32_t k, int32_t group) {
  check.at_least("n", n, 1).at_least("k", k, 1).multiple("k", k, 32).limit("k", k, kMostSummed);
  check.at_least("group", group, 0).multiple("group", group, 32);
}

}  // namespace

int32_t smq_gemm_w4a8(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue, uint64_t x,
                      uint64_t x_scales, uint64_t x_sums, uint64_t w, uint64_t bias, int32_t m,
                      int32_t n, int32_t k, int32_t group, int32_t dtype) {
  const GemmArgs args{y, x, w, bias, y_stride, epilogue, m, n, k, group, dtype, 0, x_scales, x_sums};
  Check check;
  check_gemm(check, ctx, args, 1);
  check.address("x_scales", x_scales);
  check_shape(check, n, k, group);
  if (group == 0) check.address("x_sums", x_sums);
  check.extent("w", w, n, k / 2, 1);
  return check.failed() ? check.status() : run_gemm_w4a8(ctx, args);
}

int32_t smq_w4a8_bytes(int32_t n, int32_t k, int32_t group, int64_t* out) {
  Check check;
  check.pointer("out", out);
  check_shape(check, n, k, group);
  return check.failed() ? check.status() : run_w4a8_bytes(n, k, group, out);
}

int32_t smq_w4a8_pack(smq_context* ctx, uint64_t w, int32_t n_total, int32_t n_offset,
                      uint64_t qweight, uint64_t scales, uint64_t offsets, uint64_t group_scales,
                      uint64_t group_zeros, int32_t n, int32_t k, int32_t group) {
  Check check;
  check.pointer("ctx", ctx).address("w", w).address("qweight", qweight).address("scales", scales);
  check_shape(check, n, k, group);
  if (group == 0) {
    check.address("offsets", offsets);
    check.expect(group_scales == 0, "group_scales is given, expected 0 where group is 0");
    check.expect(group_zeros == 0, "group_zeros is given, expected 0 where group is 0");
  } else {
    check.address("group_scales", group_scales).address("group_zeros", group_zeros);
    check.expect(offsets == 0, "offsets is given, expected 0 unless group is 0");
  }
  check_part(check, n_total, n_offset, n);
  if (check.failed()) return check.status();
  return run_w4a8_pack(ctx, {w, qweight, scales, offsets, group_scales, group_zeros, n_total,
                             n_offset, n, k, group});
}

// RMS norm, and conversion of the residual stream to the activations' dtype and back.
#include "common/error.h"
#include "common/ops.h"

using namespace smq;

namespace {

void check_rows(Check& check, const smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x,
                int32_t m, int32_t width, int32_t dtype) {
  check.pointer("ctx", ctx).address("out", out).address("x", x).half("dtype", dtype);
  check.at_least("m", m, 1).at_least("width", width, 1).at_least("out_stride", out_stride, width);
  check.extent("x", x, m, width, 4).extent("out", out, m, out_stride, 2);
}

}  // namespace

int32_t smq_rms_norm(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x, uint64_t weight,
                     int32_t m, int32_t width, float eps, int32_t dtype) {
  Check check;
  check_rows(check, ctx, out, out_stride, x, m, width, dtype);
  check.address("weight", weight).finite("eps", eps);
  check.expect(eps >= 0, "eps is negative, expected 0 or more");
  if (check.failed()) return check.status();
  return run_rms_norm(ctx, out, out_stride, x, weight, m, width, eps, dtype);
}

int32_t smq_convert(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x, int32_t m,
                    int32_t width, int32_t dtype) {
  Check check;
  check_rows(check, ctx, out, out_stride, x, m, width, dtype);
  return check.failed() ? check.status() : run_convert(ctx, out, out_stride, x, m, width, dtype);
}

int32_t smq_widen(smq_context* ctx, uint64_t out, uint64_t x, int32_t x_stride, int32_t m,
                  int32_t width, int32_t dtype) {
  Check check;
  check.pointer("ctx", ctx).address("out", out).address("x", x).half("dtype", dtype);
  check.at_least("m", m, 1).at_least("width", width, 1).at_least("x_stride", x_stride, width);
  check.extent("x", x, m, x_stride, 2).extent("out", out, m, width, 4);
  return check.failed() ? check.status() : run_widen(ctx, out, x, x_stride, m, width, dtype);
}

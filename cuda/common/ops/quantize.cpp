// Rows of activations in eight bits: as they are, normalised, or gated.
#include "common/error.h"
#include "common/ops.h"

using namespace smq;

namespace {

// Columns whose sum of 8-bit numbers an int32_t can hold.
constexpr int32_t kMostColumns = 1 << 24;

// All but the size of x.
void check_quantized(Check& check, const smq_context* ctx, uint64_t out, uint64_t scales,
                     uint64_t sums, uint64_t x, int32_t m, int32_t width, int32_t dtype,
                     int32_t form) {
  check.pointer("ctx", ctx).address("out", out).address("scales", scales).address("sums", sums);
  check.address("x", x).half("dtype", dtype).between("form", form, SMQ_I8, SMQ_E4M3);
  check.at_least("m", m, 1).extent("out", out, m, width, 1).extent("scales", scales, m, 1, 4);
  check.extent("sums", sums, m, 1, 4);
}

}  // namespace

int32_t smq_quantize_rows(smq_context* ctx, uint64_t out, uint64_t scales, uint64_t sums, uint64_t x,
                          int32_t m, int32_t k, int32_t dtype, int32_t form) {
  Check check;
  check.at_least("k", k, 1).limit("k", k, kMostColumns);
  check_quantized(check, ctx, out, scales, sums, x, m, k, dtype, form);
  if (check.extent("x", x, m, k, 2).failed()) return check.status();
  return run_quantize_rows(ctx, out, scales, sums, x, m, k, dtype, form);
}

int32_t smq_rms_norm_quantized(smq_context* ctx, uint64_t out, uint64_t scales, uint64_t sums,
                               uint64_t x, uint64_t weight, int32_t m, int32_t width, float eps,
                               int32_t dtype, int32_t form) {
  Check check;
  check.at_least("width", width, 1).limit("width", width, kMostColumns);
  check_quantized(check, ctx, out, scales, sums, x, m, width, dtype, form);
  check.extent("x", x, m, width, 4).address("weight", weight).finite("eps", eps);
  check.expect(eps >= 0, "eps is negative, expected 0 or more");
  if (check.failed()) return check.status();
  return run_rms_norm_quantized(ctx, out, scales, sums, x, weight, m, width, eps, dtype, form);
}

int32_t smq_silu_mul_quantized(smq_context* ctx, uint64_t out, uint64_t scales, uint64_t sums,
                               uint64_t x, int32_t m, int32_t n, int32_t dtype, int32_t form) {
  Check check;
  check.at_least("n", n, 1).limit("n", n, kMostColumns);
  check_quantized(check, ctx, out, scales, sums, x, m, n, dtype, form);
  if (check.extent("x", x, m, 2 * int64_t(n), 2).failed()) return check.status();
  return run_silu_mul_quantized(ctx, out, scales, sums, x, m, n, dtype, form);
}

// The gated activation of a feed-forward layer.
#include "common/error.h"
#include "common/ops.h"

using namespace smq;

int32_t smq_silu_mul(smq_context* ctx, uint64_t out, uint64_t x, int32_t m, int32_t n, int32_t dtype) {
  Check check;
  check.pointer("ctx", ctx).address("out", out).address("x", x).half("dtype", dtype);
  check.at_least("m", m, 1).at_least("n", n, 1).extent("x", x, m, 2 * int64_t(n), 2);
  check.extent("out", out, m, n, 2);
  return check.failed() ? check.status() : run_silu_mul(ctx, out, x, m, n, dtype);
}

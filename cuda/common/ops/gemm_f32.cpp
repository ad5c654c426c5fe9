// Products of f32 matrices.
#include "common/address.h"
#include "common/ops/gemm.h"

using namespace smq;

namespace {

// Rows of memory.
struct Span {
  uint64_t start;
  int32_t rows, columns, stride;

  uint64_t end() const {
    return start + (uint64_t(rows - 1) * uint64_t(stride) + uint64_t(columns)) * sizeof(float);
  }
};

bool apart(const Span& x, const Span& y) { return x.end() <= y.start || y.end() <= x.start; }

}  // namespace

int32_t smq_gemm_f32(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t update, uint64_t a,
                     int32_t a_stride, int32_t transposed, uint64_t b, int32_t b_stride, int32_t m,
                     int32_t n, int32_t k) {
  Check check;
  check.pointer("ctx", ctx).address("y", y).address("a", a).address("b", b);
  check.between("update", update, SMQ_SET, SMQ_SUBTRACT).between("transposed", transposed, 0, 1);
  check.at_least("m", m, 1).at_least("n", n, 1).at_least("k", k, 1);
  if (check.failed()) return check.status();
  const Span out{y, m, n, y_stride};
  const Span left{a, transposed ? k : m, transposed ? m : k, a_stride};
  const Span right{b, k, n, b_stride};
  check.at_least("y_stride", y_stride, n).at_least("a_stride", a_stride, left.columns);
  check.at_least("b_stride", b_stride, n).extent("y", y, m, y_stride, 4);
  check.extent("a", a, left.rows, a_stride, 4).extent("b", b, k, b_stride, 4);
  if (check.failed()) return check.status();
  check.expect(apart(out, left), "y overlaps a, expected separate memory");
  check.expect(apart(out, right), "y overlaps b, expected separate memory");
  if (check.failed()) return check.status();
  return run_gemm_f32(ctx, {at<float>(y), at<const float>(a), at<const float>(b), y_stride,
                            a_stride, b_stride, m, n, k, update, transposed == 1});
}

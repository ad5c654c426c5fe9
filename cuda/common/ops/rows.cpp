// Rows moved by indices that are read from device memory.
#include "common/error.h"
#include "common/ops.h"

using namespace smq;

namespace {

void check_rows(Check& check, const smq_context* ctx, int32_t m, int32_t width, int32_t dtype) {
  check.pointer("ctx", ctx).at_least("m", m, 1).at_least("width", width, 1).dtype("dtype", dtype);
}

void check_matrix(Check& check, const char* name, uint64_t address, const char* stride_name,
                  int32_t stride, int64_t rows, int32_t width) {
  check.address(name, address).at_least(stride_name, stride, width);
  check.extent(name, address, rows, stride, 4);
}

}  // namespace

int32_t smq_gather_rows(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x,
                        int32_t x_stride, int32_t x_rows, uint64_t index, int32_t m, int32_t width,
                        int32_t dtype) {
  Check check;
  check_rows(check, ctx, m, width, dtype);
  check.at_least("x_rows", x_rows, 1).address("index", index);
  check_matrix(check, "out", out, "out_stride", out_stride, m, width);
  check_matrix(check, "x", x, "x_stride", x_stride, x_rows, width);
  if (check.failed()) return check.status();
  return run_gather_rows(ctx, out, out_stride, x, x_stride, x_rows, index, m, width, dtype);
}

int32_t smq_last_row(smq_context* ctx, uint64_t out, uint64_t x, int32_t x_stride, uint64_t start,
                     uint64_t end, int32_t m, int32_t width, int32_t dtype) {
  Check check;
  check_rows(check, ctx, m, width, dtype);
  check.address("out", out).address("start", start).address("end", end);
  check_matrix(check, "x", x, "x_stride", x_stride, m, width);
  if (check.failed()) return check.status();
  return run_last_row(ctx, out, x, x_stride, start, end, m, width, dtype);
}

int32_t smq_ring_write(smq_context* ctx, uint64_t ring, int32_t ring_rows, uint64_t start, uint64_t x,
                       int32_t x_stride, uint64_t path, uint64_t count, int32_t m, int32_t width,
                       int32_t dtype) {
  Check check;
  check_rows(check, ctx, m, width, dtype);
  check.at_least("ring_rows", ring_rows, 1).address("start", start);
  check.address("path", path).address("count", count);
  check_matrix(check, "ring", ring, "width", width, ring_rows, width);
  check_matrix(check, "x", x, "x_stride", x_stride, m, width);
  if (check.failed()) return check.status();
  return run_ring_write(ctx, ring, ring_rows, start, x, x_stride, path, count, m, width, dtype);
}

int32_t smq_ring_read(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t ring,
                      int32_t ring_rows, uint64_t start, int32_t m, int32_t width, int32_t dtype) {
  Check check;
  check_rows(check, ctx, m, width, dtype);
  check.at_least("ring_rows", ring_rows, 1).address("start", start);
  check_matrix(check, "out", out, "out_stride", out_stride, m, width);
  check_matrix(check, "ring", ring, "width", width, ring_rows, width);
  if (check.failed()) return check.status();
  return run_ring_read(ctx, out, out_stride, ring, ring_rows, start, m, width, dtype);
}

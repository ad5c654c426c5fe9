// Rows moved by indices that are read from memory.
#include <algorithm>
#include <cstring>

#include "context.h"

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

// Row `to` of out becomes row `from` of x; strides in elements.
void copy_row(uint64_t out, int64_t to, int32_t out_stride, uint64_t x, int64_t from,
              int32_t x_stride, int32_t width, int32_t dtype) {
  const int64_t element = element_bytes(dtype);
  std::memcpy(at<uint8_t>(out) + to * out_stride * element,
              at<const uint8_t>(x) + from * x_stride * element, std::size_t(width * element));
}

int64_t ring_slot(int64_t position, int32_t rows) {
  const int64_t slot = position % rows;
  return slot < 0 ? slot + rows : slot;
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
  return submit(ctx, [=] {
    for (int32_t i = 0; i < m; ++i) {
      const int32_t from = std::clamp(at<const int32_t>(index)[i], 0, x_rows - 1);
      copy_row(out, i, out_stride, x, from, x_stride, width, dtype);
    }
  });
}

int32_t smq_last_row(smq_context* ctx, uint64_t out, uint64_t x, int32_t x_stride, uint64_t start,
                     uint64_t end, int32_t m, int32_t width, int32_t dtype) {
  Check check;
  check_rows(check, ctx, m, width, dtype);
  check.address("out", out).address("start", start).address("end", end);
  check_matrix(check, "x", x, "x_stride", x_stride, m, width);
  if (check.failed()) return check.status();
  return submit(ctx, [=] {
    const int64_t rows = int64_t(*at<const int32_t>(end)) - *at<const int32_t>(start);
    const int64_t from = std::clamp<int64_t>(rows - 1, 0, m - 1);
    copy_row(out, 0, width, x, from, x_stride, width, dtype);
  });
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
  return submit(ctx, [=] {
    const int64_t first = *at<const int32_t>(start);
    const int32_t rows = std::min(*at<const int32_t>(count), m);
    for (int32_t j = 0; j < rows; ++j) {
      const int32_t from = std::clamp(at<const int32_t>(path)[j], 0, m - 1);
      copy_row(ring, ring_slot(first + j, ring_rows), width, x, from, x_stride, width, dtype);
    }
  });
}

int32_t smq_ring_read(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t ring,
                      int32_t ring_rows, uint64_t start, int32_t m, int32_t width, int32_t dtype) {
  Check check;
  check_rows(check, ctx, m, width, dtype);
  check.at_least("ring_rows", ring_rows, 1).address("start", start);
  check_matrix(check, "out", out, "out_stride", out_stride, m, width);
  check_matrix(check, "ring", ring, "width", width, ring_rows, width);
  if (check.failed()) return check.status();
  return submit(ctx, [=] {
    const int64_t first = *at<const int32_t>(start);
    for (int32_t j = 0; j < m; ++j) {
      copy_row(out, j, out_stride, ring, ring_slot(first + j, ring_rows), width, width, dtype);
    }
  });
}

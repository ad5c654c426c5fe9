// Rows moved by indices that are read from memory.
#include <algorithm>
#include <cstring>

#include "context.h"

using namespace smq;

namespace {

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

int32_t smq::run_gather_rows(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x,
                             int32_t x_stride, int32_t x_rows, uint64_t index, int32_t m,
                             int32_t width, int32_t dtype) {
  return submit(ctx, [=] {
    for (int32_t i = 0; i < m; ++i) {
      const int32_t from = std::clamp(at<const int32_t>(index)[i], 0, x_rows - 1);
      copy_row(out, i, out_stride, x, from, x_stride, width, dtype);
    }
  });
}

int32_t smq::run_last_row(smq_context* ctx, uint64_t out, uint64_t x, int32_t x_stride,
                          uint64_t start, uint64_t end, int32_t m, int32_t width, int32_t dtype) {
  return submit(ctx, [=] {
    const int64_t rows = int64_t(*at<const int32_t>(end)) - *at<const int32_t>(start);
    const int64_t from = std::clamp<int64_t>(rows - 1, 0, m - 1);
    copy_row(out, 0, width, x, from, x_stride, width, dtype);
  });
}

int32_t smq::run_ring_write(smq_context* ctx, uint64_t ring, int32_t ring_rows, uint64_t start,
                            uint64_t x, int32_t x_stride, uint64_t path, uint64_t count, int32_t m,
                            int32_t width, int32_t dtype) {
  return submit(ctx, [=] {
    const int64_t first = *at<const int32_t>(start);
    const int32_t rows = std::min(*at<const int32_t>(count), m);
    for (int32_t j = 0; j < rows; ++j) {
      const int32_t from = std::clamp(at<const int32_t>(path)[j], 0, m - 1);
      copy_row(ring, ring_slot(first + j, ring_rows), width, x, from, x_stride, width, dtype);
    }
  });
}

int32_t smq::run_ring_read(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t ring,
                           int32_t ring_rows, uint64_t start, int32_t m, int32_t width,
                           int32_t dtype) {
  return submit(ctx, [=] {
    const int64_t first = *at<const int32_t>(start);
    for (int32_t j = 0; j < m; ++j) {
      copy_row(out, j, out_stride, ring, ring_slot(first + j, ring_rows), width, width, dtype);
    }
  });
}

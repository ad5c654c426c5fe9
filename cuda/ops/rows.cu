// Rows moved by indices that are read from device memory.
#include "ops/elements.cuh"

using namespace smq;

namespace {

constexpr int kThreads = 128;

__device__ int64_t clamp_to(int64_t row, int64_t rows) {
  return row < 0 ? 0 : row >= rows ? rows - 1 : row;
}

__device__ int64_t ring_slot(int64_t position, int32_t rows) {
  const int64_t slot = position % rows;
  return slot < 0 ? slot + rows : slot;
}

// What each op copies: the i-th row goes from row `from` of x to row `to` of out.
struct Route {
  int64_t to, from;
  bool moves;
};

struct Gather {
  const int32_t* index;
  int32_t x_rows;
  __device__ Route operator()(int32_t i) const { return {i, clamp_to(index[i], x_rows), true}; }
};

struct LastRow {
  const int32_t *start, *end;
  int32_t m;
  __device__ Route operator()(int32_t) const {
    return {0, clamp_to(int64_t(end[0]) - start[0] - 1, m), true};
  }
};

// Where more rows come than the ring holds, the last one on each slot stays.
struct RingWrite {
  const int32_t *start, *path, *count;
  int32_t ring_rows, m;
  __device__ Route operator()(int32_t j) const {
    const int32_t rows = min(count[0], m);
    return {ring_slot(int64_t(start[0]) + j, ring_rows), clamp_to(path[j < rows ? j : 0], m),
            j < rows && j + int64_t(ring_rows) >= rows};
  }
};

struct RingRead {
  const int32_t* start;
  int32_t ring_rows;
  __device__ Route operator()(int32_t j) const {
    return {j, ring_slot(int64_t(start[0]) + j, ring_rows), true};
  }
};

// Strides and width in units.
template <class Unit, class Where>
__global__ void move_kernel(Unit* out, int64_t out_stride, const Unit* x, int64_t x_stride,
                            int32_t width, const Where where) {
  wait_for_previous();
  let_next_start();
  const int32_t j = int32_t(blockIdx.y) * kThreads + int32_t(threadIdx.x);
  if (j >= width) return;
  const Route route = where(int32_t(blockIdx.x));
  if (route.moves) out[route.to * out_stride + j] = x[route.from * x_stride + j];
}

template <class Unit, class Where>
void move_by(smq_context* ctx, uint64_t out, int64_t out_stride, uint64_t x, int64_t x_stride,
             int64_t width, int32_t rows, const Where& where) {
  const int64_t unit = sizeof(Unit);
  const dim3 grid(unsigned(rows), blocks_for(width / unit, kThreads));
  launch(ctx, move_kernel<Unit, Where>, grid, kThreads, 0, at<Unit>(out), out_stride / unit,
         at<const Unit>(x), x_stride / unit, int32_t(width / unit), where);
}

// By the widest unit that all addresses and distances allow.
template <class Where>
int32_t move_rows(smq_context* ctx, const char* op, uint64_t out, int32_t out_stride, uint64_t x,
                  int32_t x_stride, int32_t width, int32_t dtype, int32_t rows,
                  const Where& where) {
  const int64_t element = element_bytes(dtype);
  const int64_t to = out_stride * element, from = x_stride * element, bytes = width * element;
  const uint64_t combined = out | x | uint64_t(to) | uint64_t(from) | uint64_t(bytes);
  if (aligned(combined, 16)) {
    move_by<uint4>(ctx, out, to, x, from, bytes, rows, where);
  } else {
    move_by<uint16_t>(ctx, out, to, x, from, bytes, rows, where);
  }
  return launched(ctx, op);
}

}  // namespace

int32_t smq::run_gather_rows(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x,
                             int32_t x_stride, int32_t x_rows, uint64_t index, int32_t m,
                             int32_t width, int32_t dtype) {
  return move_rows(ctx, "smq_gather_rows", out, out_stride, x, x_stride, width, dtype, m,
                   Gather{at<const int32_t>(index), x_rows});
}

int32_t smq::run_last_row(smq_context* ctx, uint64_t out, uint64_t x, int32_t x_stride,
                          uint64_t start, uint64_t end, int32_t m, int32_t width, int32_t dtype) {
  return move_rows(ctx, "smq_last_row", out, width, x, x_stride, width, dtype, 1,
                   LastRow{at<const int32_t>(start), at<const int32_t>(end), m});
}

int32_t smq::run_ring_write(smq_context* ctx, uint64_t ring, int32_t ring_rows, uint64_t start,
                            uint64_t x, int32_t x_stride, uint64_t path, uint64_t count, int32_t m,
                            int32_t width, int32_t dtype) {
  return move_rows(ctx, "smq_ring_write", ring, width, x, x_stride, width, dtype, m,
                   RingWrite{at<const int32_t>(start), at<const int32_t>(path),
                             at<const int32_t>(count), ring_rows, m});
}

int32_t smq::run_ring_read(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t ring,
                           int32_t ring_rows, uint64_t start, int32_t m, int32_t width,
                           int32_t dtype) {
  return move_rows(ctx, "smq_ring_read", out, out_stride, ring, width, width, dtype, m,
                   RingRead{at<const int32_t>(start), ring_rows});
}

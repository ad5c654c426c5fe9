// The product of f32 matrices: a block of 256 threads makes 128 x 128 elements of y, each thread 8 x 8 of
// them, from two stages of 16 inputs in shared memory: one is read while the other is filled.
#include "context.cuh"

using namespace smq;

namespace {

constexpr int kThreads = 256;
constexpr int kTile = 128;             // rows and columns of a block
constexpr int kDeep = 16;              // inputs of a stage
constexpr int kRow = kTile + 4;        // a stage's row: aligned, and its columns in different banks
constexpr int kLoads = kTile * kDeep / 4 / kThreads;  // fours of either operand that a thread moves

struct Stage {
  float a[kDeep][kRow];
  float b[kDeep][kRow];
};

// The elements column..column+3 of a row of `columns`, zeros behind its end and in a row that is not there.
template <bool Aligned>
__device__ __forceinline__ float4 load_four(const float* from, int64_t stride, int64_t row,
                                            int64_t rows, int64_t column, int64_t columns) {
  float4 x = make_float4(0, 0, 0, 0);
  if (row >= rows) return x;
  const float* const p = from + row * stride + column;
  if (Aligned && column + 4 <= columns) return *reinterpret_cast<const float4*>(p);
  if (column < columns) x.x = p[0];
  if (column + 1 < columns) x.y = p[1];
  if (column + 2 < columns) x.z = p[2];
  if (column + 3 < columns) x.w = p[3];
  return x;
}

// What a thread fetches of a stage before the stage is free.
struct Fetched {
  float4 a[kLoads], b[kLoads];
};

// Of a stored by rows the fours run along k, else along m: e counts them in the order of memory.
template <bool Transposed, bool Aligned>
__device__ __forceinline__ void fetch(Fetched& x, const GemmF32& args, int64_t row, int64_t column,
                                      int64_t from) {
#pragma unroll
  for (int i = 0; i < kLoads; ++i) {
    const int e = int(threadIdx.x) + i * kThreads;
    const int deep = e / (kTile / 4), along = e % (kTile / 4) * 4;
    if (Transposed) {
      x.a[i] = load_four<Aligned>(args.a, args.a_stride, from + deep, args.k, row + along, args.m);
    } else {
      x.a[i] = load_four<Aligned>(args.a, args.a_stride, row + e / (kDeep / 4), args.m,
                                  from + e % (kDeep / 4) * 4, args.k);
    }
    x.b[i] = load_four<Aligned>(args.b, args.b_stride, from + deep, args.k, column + along, args.n);
  }
}

template <bool Transposed>
__device__ __forceinline__ void keep(Stage& stage, const Fetched& x) {
#pragma unroll
  for (int i = 0; i < kLoads; ++i) {
    const int e = int(threadIdx.x) + i * kThreads;
    const int deep = e / (kTile / 4), along = e % (kTile / 4) * 4;
    if (Transposed) {
      *reinterpret_cast<float4*>(&stage.a[deep][along]) = x.a[i];
    } else {
      const int row = e / (kDeep / 4), first = e % (kDeep / 4) * 4;
      stage.a[first][row] = x.a[i].x;
      stage.a[first + 1][row] = x.a[i].y;
      stage.a[first + 2][row] = x.a[i].z;
      stage.a[first + 3][row] = x.a[i].w;
    }
    *reinterpret_cast<float4*>(&stage.b[deep][along]) = x.b[i];
  }
}

// Two fours, half a tile apart: so that neighbours read neighbours.
__device__ __forceinline__ void read_eight(float (&x)[8], const float* row, int four) {
  const float4 low = *reinterpret_cast<const float4*>(row + 4 * four);
  const float4 high = *reinterpret_cast<const float4*>(row + kTile / 2 + 4 * four);
  x[0] = low.x, x[1] = low.y, x[2] = low.z, x[3] = low.w;
  x[4] = high.x, x[5] = high.y, x[6] = high.z, x[7] = high.w;
}

__device__ __forceinline__ void update_element(float* y, float product, int32_t update) {
  *y = update == SMQ_SET ? product : update == SMQ_ADD ? *y + product : *y - product;
}

template <bool Transposed, bool Aligned>
__global__ void __launch_bounds__(kThreads, 2) multiply(const __grid_constant__ GemmF32 args) {
  __shared__ __align__(16) Stage stages[2];
  wait_for_previous();
  let_next_start();
  const int64_t across = (int64_t(args.n) + kTile - 1) / kTile;
  const int64_t row = blockIdx.x / across * kTile, column = blockIdx.x % across * kTile;
  const int line = int(threadIdx.x) / 16, four = int(threadIdx.x) % 16;
  float sums[8][8] = {};
  Fetched next;
  fetch<Transposed, Aligned>(next, args, row, column, 0);
  keep<Transposed>(stages[0], next);
  __syncthreads();
  int current = 0;
  for (int64_t from = 0; from < args.k; from += kDeep, current ^= 1) {
    const bool more = from + kDeep < args.k;
    if (more) fetch<Transposed, Aligned>(next, args, row, column, from + kDeep);
    const Stage& stage = stages[current];
#pragma unroll
    for (int deep = 0; deep < kDeep; ++deep) {
      float a[8], b[8];
      read_eight(a, stage.a[deep], line);
      read_eight(b, stage.b[deep], four);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
#pragma unroll
        for (int j = 0; j < 8; ++j) sums[i][j] = fmaf(a[i], b[j], sums[i][j]);
      }
    }
    // The other stage was read before the last barrier.
    if (more) keep<Transposed>(stages[current ^ 1], next);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const int64_t m = row + i / 4 * (kTile / 2) + 4 * line + i % 4;
    if (m >= args.m) continue;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int64_t n = column + half * (kTile / 2) + 4 * four;
      float* const y = args.y + m * args.y_stride + n;
      const float* const sum = sums[i] + 4 * half;
      if (Aligned && n + 4 <= args.n) {
        float4 all = make_float4(0, 0, 0, 0);
        if (args.update != SMQ_SET) all = *reinterpret_cast<const float4*>(y);
        update_element(&all.x, sum[0], args.update);
        update_element(&all.y, sum[1], args.update);
        update_element(&all.z, sum[2], args.update);
        update_element(&all.w, sum[3], args.update);
        *reinterpret_cast<float4*>(y) = all;
      } else {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          if (n + j < args.n) update_element(y + j, sum[j], args.update);
        }
      }
    }
  }
}

template <bool Transposed>
void start(smq_context* ctx, const GemmF32& args, unsigned blocks, bool aligned) {
  if (aligned) {
    launch(ctx, multiply<Transposed, true>, blocks, kThreads, 0, args);
  } else {
    launch(ctx, multiply<Transposed, false>, blocks, kThreads, 0, args);
  }
}

bool in_fours(const float* start, int64_t stride) {
  return reinterpret_cast<uintptr_t>(start) % 16 == 0 && stride % 4 == 0;
}

}  // namespace

int32_t smq::run_gemm_f32(smq_context* ctx, const GemmF32& args) {
  // 2^46 bytes of y are 2^30 tiles, and a single row or column has at most 2^24.
  const int64_t down = (int64_t(args.m) + kTile - 1) / kTile;
  const int64_t across = (int64_t(args.n) + kTile - 1) / kTile;
  const bool aligned = in_fours(args.y, args.y_stride) && in_fours(args.a, args.a_stride) &&
                       in_fours(args.b, args.b_stride);
  if (args.transposed) {
    start<true>(ctx, args, unsigned(down * across), aligned);
  } else {
    start<false>(ctx, args, unsigned(down * across), aligned);
  }
  return launched(ctx, "smq_gemm_f32");
}

// The dense product of many rows for every architecture and alignment: mma.sync on tiles of 128 rows x
// 128 outputs, 32 inputs deep, three stages of asynchronous copies. Rows that are not aligned to 16 bytes
// are copied element by element.
#include "gemm/prompts/prefill.cuh"
#include "ops/attention/attention_math.cuh"

namespace smq {
namespace {

constexpr int kThreads = 256;
constexpr int kTile = 128, kDeep = 32, kStages = 3;
constexpr int kRow = kDeep + 8;  // padded: eight rows of 16 bytes lie in different banks

struct Stage {
  uint16_t x[kTile * kRow];
  uint16_t w[kTile * kRow];
};

template <bool Aligned>
__device__ __forceinline__ void copy_rows(uint16_t* to, const uint16_t* from, int64_t stride,
                                          int32_t first, int32_t rows, int32_t column,
                                          int32_t columns) {
#pragma unroll
  for (int e = threadIdx.x; e < kTile * kDeep / 8; e += kThreads) {
    const int row = e / (kDeep / 8), c = e % (kDeep / 8) * 8;
    const bool held = first + row < rows;
    const uint16_t* const source = from + (held ? (first + row) * stride : 0);
    uint16_t* const target = to + row * kRow + c;
    if (Aligned) {
      const bool wanted = held && column + c < columns;
      asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                       uint32_t(__cvta_generic_to_shared(target))),
                   "l"(source + (wanted ? column + c : 0)), "r"(wanted ? 16 : 0));
    } else {
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        target[i] = held && column + c + i < columns ? source[column + c + i] : uint16_t(0);
      }
    }
  }
}

__device__ __forceinline__ void load_matrices(uint32_t (&r)[4], const uint16_t* from) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(uint32_t(__cvta_generic_to_shared(from)))
               : "memory");
}

__device__ __forceinline__ float widened(__half x) { return __half2float(x); }
__device__ __forceinline__ float widened(__nv_bfloat16 x) { return __bfloat162float(x); }

template <class T, bool Aligned>
__global__ void __launch_bounds__(kThreads) multiply(const __grid_constant__ DenseArgs args) {
  extern __shared__ __align__(16) uint8_t shared[];
  Stage* const stages = reinterpret_cast<Stage*>(shared);
  wait_for_previous();
  let_next_start();
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  // Blocks that run together share rows of w: x is the smaller operand.
  const int32_t row_begin = blockIdx.x * kTile, output_begin = blockIdx.y * kTile;
  const int warp_row = warp % 2 * 64, warp_output = warp / 2 * 32;
  const auto copy = [&](int32_t step) {
    const int32_t column = step * kDeep;
    if (column < args.k) {
      Stage& stage = stages[step % kStages];
      copy_rows<Aligned>(stage.x, static_cast<const uint16_t*>(args.x), args.x_stride, row_begin,
                         args.m, column, args.k);
      copy_rows<Aligned>(stage.w, static_cast<const uint16_t*>(args.w), args.w_stride, output_begin,
                         args.n, column, args.k);
    }
    asm volatile("cp.async.commit_group;");
  };
  float sums[4][4][4] = {};
  for (int32_t step = 0; step < kStages - 1; ++step) copy(step);
  for (int32_t step = 0; step * kDeep < args.k; ++step) {
    asm volatile("cp.async.wait_group %0;" ::"n"(kStages - 2) : "memory");
    __syncthreads();  // the stage has come, and the one copied next is no longer read
    copy(step + kStages - 1);
    const Stage& stage = stages[step % kStages];
#pragma unroll
    for (int s = 0; s < kDeep / 16; ++s) {
      uint32_t a[4][4], b[2][4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        load_matrices(a[i], stage.x + (warp_row + 16 * i + lane % 16) * kRow + 16 * s + lane / 16 * 8);
      }
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        load_matrices(b[j], stage.w + (warp_output + 16 * j + lane / 16 * 8 + lane % 8) * kRow +
                                16 * s + lane / 8 % 2 * 8);
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          HalfMath<T>::mma(sums[i][j], a[i][0], a[i][1], a[i][2], a[i][3], b[j / 2][j % 2 * 2],
                           b[j / 2][j % 2 * 2 + 1]);
        }
      }
    }
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int32_t row = row_begin + warp_row + 16 * i + g + e / 2 * 8;
        const int32_t output = output_begin + warp_output + 8 * j + 2 * t + e % 2;
        if (row >= args.m || output >= args.n) continue;
        const int64_t at = int64_t(row) * args.y_stride + output;
        float sum = sums[i][j][e];
        if (args.bias) sum += widened(static_cast<const T*>(args.bias)[output]);
        if (args.wide) {
          float* const y = static_cast<float*>(args.y) + at;
          *y = args.add ? *y + sum : sum;
        } else {
          static_cast<T*>(args.y)[at] = T(sum);
        }
      }
    }
  }
}

template <class T>
int32_t launch_dense(smq_context* ctx, const DenseArgs& args) {
  const auto unaligned = reinterpret_cast<uint64_t>(args.x) | reinterpret_cast<uint64_t>(args.w) |
                         uint64_t(args.x_stride | args.w_stride | args.k) * 2;
  const auto kernel = unaligned % 16 == 0 ? multiply<T, true> : multiply<T, false>;
  launch(ctx, kernel, dim3((args.m + kTile - 1) / kTile, (args.n + kTile - 1) / kTile),
         dim3(kThreads), kStages * sizeof(Stage), args);
  return launched(ctx, "gemm");
}

}  // namespace

// The table of instantiations.
int32_t dense_ampere(smq_context* ctx, const DenseArgs& args) {
  return args.dtype == SMQ_F16 ? launch_dense<__half>(ctx, args)
                               : launch_dense<__nv_bfloat16>(ctx, args);
}

}  // namespace smq

// The gated activation of what a product has left in parts: the gate and the up projection of the same outputs are
// added up side by side.
#include "gemm/input_sums.cuh"
#include "gemm/parts.cuh"
#include "ops/parts.cuh"
#include "ops/silu.cuh"

namespace smq {
namespace {

constexpr int kThreads = kGroups * kGroupThreads;

// Leaves the sums of a tile of 256 outputs and eight rows from `row` on, of m; fours: of this thread's outputs of two
// rows, neighbours each.
__device__ __forceinline__ void leave_tile_sums(float* sums, int row, int m, int64_t output, const float (&fours)[2]) {
  __shared__ float parts[kThreads / 32][8];  // of 32 outputs a warp
  const int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
  for (int column = 0; column < 2; ++column) {
    float sum = fours[column];
#pragma unroll
    for (int lane = 4; lane < 32; lane *= 2) sum += __shfl_xor_sync(~0u, sum, lane);
    if (g == 0) parts[warp][2 * t + column] = sum;
  }
  __syncthreads();
  const int mine = threadIdx.x % 8, half = threadIdx.x / 8;
  if (half >= 2 || row + mine >= m) return;
  const float(&of)[4][8] = reinterpret_cast<const float(&)[4][8]>(parts[4 * half]);
  *sum_of(sums, row + mine, output + half * kSumInputs) = (of[0][mine] + of[1][mine]) + (of[2][mine] + of[3][mine]);
}

// Whether the kernel can leave sums of what it writes: a thread has four neighbours.
template <class T, Order O>
constexpr bool kSums = std::is_same<T, __half>::value && O != Order::kNatural;

template <class T, Order O>
__global__ void __maxnreg__(kRegistersBesideProduct)
    silu_parts_kernel(const StreamCall call, const PartsOf<O> parts, T* out, float* sums_of_out) {
  let_next_start();
  using At = TileOutputs<O>;
  constexpr int kAhead = 4;  // few workers share a tile of a product so wide
  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads, c = blockIdx.y;
  const int32_t half = call.n / 2, tile = blockIdx.x;
  TileWorkers workers[2];
  workers[0].find(call.split, tile);
  workers[1].find(call.split, tile + half / At::kTile);
  wait_for_previous();
  float sums[2][PartsOf<O>::kOperands][4];
  sum_parts<kAhead>(sums, call, parts, workers, group, thread, c, [] {});
  [[maybe_unused]] float fours[2] = {};
  each_pack<O>(call, group, thread, c, [&](int row, int column, int p, int first) {
    const int64_t at = 8 * c + row;
    const int32_t output = tile * At::kTile + first;
    Pack<T, At::kWidth> sides[2];
#pragma unroll
    for (int side = 0; side < 2; ++side) {
      const int32_t from = output + side * half;
      T* const y = static_cast<T*>(call.y) + at * call.n + from;
      if (workers[side].shared()) {
        const auto sum = At::template pack<T>(call, sums[side], from, p, column);
#pragma unroll
        for (int e = 0; e < At::kWidth; ++e) sides[side].e[e] = narrow<T>(sum.e[e]);
        store(y, sides[side]);
      } else {
        sides[side] = load<T, At::kWidth>(y);
      }
    }
    const auto pack = silu_mul(sides[0], sides[1]);
    store(out + at * half + output, pack);
    if constexpr (kSums<T, O>) fours[column] = sum_neighbours(pack);
  });
  if constexpr (kSums<T, O>) {
    if (sums_of_out) leave_tile_sums(sums_of_out, 8 * c, call.m, int64_t(tile) * At::kTile, fours);
  }
}

}  // namespace

bool silu_mul_of_parts(smq_context* ctx, uint64_t out, uint64_t x, int32_t m, int32_t n, int32_t dtype) {
  if (n > INT32_MAX / 2 || !has_parts_of(ctx, at<void>(x), m, 2 * n, SMQ_STORE, dtype)) return false;
  // A tile of gates has its own tile of ups.
  if (n % tile_of(*ctx->parts) != 0 || !aligned(out, 8)) return false;
  const Parts parts = take_parts(ctx);
  with_parts(parts, [&](auto type, auto order) {
    using T = decltype(type);
    constexpr Order kOrder = decltype(order)::value;
    const auto kernel = silu_parts_kernel<T, kOrder>;
    float* const sums = kSums<T, kOrder> ? sums_wanted(ctx, m, n, n, dtype) : nullptr;
    prefer_shared(kernel);
    launch(ctx, kernel, dim3(unsigned(n / tile_of(parts)), row_chunks(parts.call)), kThreads, 0, parts.call,
           PartsOf<kOrder>{parts.rows / 8}, at<T>(out), sums);
    leave_sums(ctx, sums, out, m, n);
  });
  return true;
}

}  // namespace smq

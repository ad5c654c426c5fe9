// Weights of the activations' dtype by mma.sync: for sm_80 to sm_89 and sm_100, and everywhere for
// addresses or widths that no 16-byte copy can serve.
#include "gemm/stream/ampere.cuh"
#include "gemm/stream/parts.cuh"
#include "gemm/stream/stream.cuh"

namespace smq {
namespace {

template <int N>
struct F16Ampere {
  static constexpr int kStage = (kF16Tile + N) * kF16Block * 2;
  static constexpr int kStages = kAmpereShared / kStage;
};

template <class T, int N>
__global__ void __launch_bounds__(kAmpereThreads) f16_ampere(const StreamCall call) {
  using F = F16Ampere<N>;
  extern __shared__ __align__(1024) uint8_t shared[];
  let_next_start();
  const uint32_t base = ptx::shared_address(shared);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  run_ampere<float, N, 1, F::kStages>(
      call,
      [&](int stage, int unit) {
        const int tile = call.split.tile_of(unit), k = call.split.block_of(unit) * kF16Block;
        const uint32_t to = base + stage * F::kStage;
        copy_tile<kF16Tile>(to, static_cast<const uint16_t*>(call.w), tile * kF16Tile, call.n, k, call.k,
                         call.aligned);
        copy_tile<N>(to + kF16Tile * kF16Block * 2, static_cast<const uint16_t*>(call.x), 0, call.m, k,
                     call.k, call.aligned);
      },
      [&](int stage, float (&sums)[1][N / 2]) {
        const uint32_t weights = base + stage * F::kStage, rows = weights + kF16Tile * kF16Block * 2;
        float(&d)[N / 8][4] = reinterpret_cast<float(&)[N / 8][4]>(sums[0]);
#pragma unroll
        for (int pair = 0; pair < 2; ++pair) {
          uint32_t b[N / 8][4];
#pragma unroll
          for (int c = 0; c < N / 8; ++c) load_rows(b[c], rows, c, pair);
#pragma unroll
          for (int s = 0; s < 2; ++s) {
            uint32_t a[4];
            ptx::load_matrix4(a, weights + swizzled(warp * 16 + lane % 16, pair * 4 + s * 2 + lane / 16));
#pragma unroll
            for (int c = 0; c < N / 8; ++c) ptx::mma(d[c], a, b[c][2 * s], b[c][2 * s + 1], T());
          }
        }
      },
      [&](int unit, int stop, float (&sums)[1][N / 2]) {
        end_tile<T, N, Order::kNatural, kGroups>(call, blockIdx.x, unit, stop, warp / 4,
                                                 threadIdx.x % kGroupThreads, sums);
      });
}

template <class T, int N>
int32_t run(smq_context* ctx, const StreamCall& call) {
  launch(ctx, f16_ampere<T, N>, call.split.workers, kAmpereThreads,
         F16Ampere<N>::kStages * F16Ampere<N>::kStage, call);
  leave_parts<T>(ctx, call, Order::kNatural, N);
  return launched(ctx, "a product with 16-bit weights");
}

template <class T>
int32_t by_rows(smq_context* ctx, const StreamCall& call) {
  if (call.m <= 8) return run<T, 8>(ctx, call);
  if (call.m <= 16) return run<T, 16>(ctx, call);
  if (call.m <= 32) return run<T, 32>(ctx, call);
  return run<T, 64>(ctx, call);
}

}  // namespace

int32_t f16_on_ampere(smq_context* ctx, const StreamCall& call, int dtype) {
  return dtype == SMQ_F16 ? by_rows<__half>(ctx, call) : by_rows<__nv_bfloat16>(ctx, call);
}

}  // namespace smq

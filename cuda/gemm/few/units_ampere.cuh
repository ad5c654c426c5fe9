// Weights in units by mma.sync and 16-byte copies: for sm_80 to sm_89 and sm_100, and for rows that Hopper's
// copy engine cannot address. The sums are those of units_hopper.cuh, bit for bit.
#pragma once

#include "gemm/stream/ampere.cuh"
#include "gemm/stream/gather.cuh"
#include "gemm/stream/units_stream.cuh"

namespace smq {

template <class P, int N>
struct UnitsAmpere {
  static constexpr int kRows = N * units::kBlock * P::kInput, kStage = kAmpereStage<P, N>;
  static constexpr int kStages = kAmpereShared / kStage < 5 ? kAmpereShared / kStage : 5;
  static_assert(kStages >= 2, "a ring needs two stages");
};

template <class P, int N>
__device__ __forceinline__ void run_units_ampere(const UnitsCall& call) {
  using U = UnitsAmpere<P, N>;
  extern __shared__ __align__(1024) uint8_t shared[];
  let_next_start();
  const uint32_t base = ptx::shared_address(shared);
  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads;
  // The rows of all stages first: their swizzle wants multiples of 1024.
  const auto unit_at = [](int stage) { return U::kStages * U::kRows + stage * P::kUnit; };
  run_ampere<typename P::Sum, N, 2, U::kStages>(
      call.stream,
      [&](int stage, int unit) {
        const uint8_t* from = static_cast<const uint8_t*>(call.stream.w) + int64_t(unit) * P::kUnit;
        for (int i = threadIdx.x * 16; i < P::kUnit; i += kAmpereThreads * 16) {
          ptx::copy16(base + unit_at(stage) + i, from + i, 16);
        }
        // Tiles are counted in halves, also where inputs are bytes.
        const int block = call.stream.split.block_of(unit), columns = call.stream.k / 2 * P::kInput;
        for (int box = 0; box < P::kInput; ++box) {
          copy_tile<N>(base + stage * U::kRows + box * N * 128, static_cast<const uint16_t*>(call.stream.x),
                       0, call.stream.m, (block * P::kInput + box) * 64, columns, call.stream.aligned);
        }
      },
      [&](int stage, typename P::Sum (&sums)[2][N / 2]) {
        add_unit<P, N, 2, Way::kClamped>(sums, shared + unit_at(stage), base + stage * U::kRows, group, 0, thread, [] {});
      },
      [&](int unit, int stop, typename P::Sum (&sums)[2][N / 2]) {
        end_units<P, N, kGroups>(call, unit, stop, group, thread, sums);
      });
}

template <class P, int N>
__global__ void __launch_bounds__(kAmpereThreads) units_ampere(const UnitsCall call) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  // What Hopper's kernels take whole is never launched here, and long to compile.
  if constexpr (P::kOnHopper != OnHopper::kAll) run_units_ampere<P, N>(call);
#else
  run_units_ampere<P, N>(call);
#endif
}

template <class P, int N>
int32_t launch_units_ampere(smq_context* ctx, const UnitsCall& call) {
  launch(ctx, units_ampere<P, N>, call.stream.split.workers, kAmpereThreads,
         UnitsAmpere<P, N>::kStages * UnitsAmpere<P, N>::kStage, call);
  launch_gather(ctx, gather_units<P, Share<kGroups>::kOrder>, call, N);
  return launched(ctx, "a product with quantized weights");
}

template <class P>
int32_t units_on_ampere(smq_context* ctx, const UnitsCall& call) {
  if (call.stream.m <= 8) return launch_units_ampere<P, 8>(ctx, call);
  if constexpr (kMostAmpereRows<P> == 32) {
    return launch_units_ampere<P, 32>(ctx, call);
  } else {
    if (call.stream.m <= 16) return launch_units_ampere<P, 16>(ctx, call);
    return call.stream.m <= 32 ? launch_units_ampere<P, 32>(ctx, call) : launch_units_ampere<P, 64>(ctx, call);
  }
}

}  // namespace smq

// Four-bit weights by mma.sync: for sm_80 to sm_89 and sm_100, and for what Hopper's kernel leaves out.
// Its sums are those of w4a16_hopper.cuh, bit for bit.
#pragma once

#include "gemm/stream/ampere.cuh"
#include "gemm/stream/parts.cuh"
#include "gemm/stream/stream.cuh"
#include "gemm/weights/w4a16_mma.cuh"
#include "gemm/weights/w4a16_offsets.cuh"

namespace smq {

template <int N, int Grain, int Zeros>
struct W4Ampere {
  static constexpr int kUnit = w4a16::unit_bytes(Grain, Zeros);
  static constexpr int kStage = N * w4a16::kBlock * 2 + kUnit;
  static constexpr int kStages = kAmpereShared / kStage < 5 ? kAmpereShared / kStage : 5;
  static_assert(kStages >= 2, "a ring needs two stages");
};

template <class T, int N, int Grain, int Zeros>
__global__ void __launch_bounds__(kAmpereThreads) w4a16_ampere(const StreamCall call) {
  using W = W4Ampere<N, Grain, Zeros>;
  constexpr int kRows = N * w4a16::kBlock * 2;
  extern __shared__ __align__(1024) uint8_t shared[];
  let_next_start();
  const uint32_t base = ptx::shared_address(shared);
  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads;
  // The rows of all stages first: their swizzle wants multiples of 1024.
  const auto unit_at = [](int stage) { return W::kStages * kRows + stage * W::kUnit; };
  run_ampere<float, N, 2, W::kStages>(
      call,
      [&](int stage, int unit) {
        const uint8_t* from = static_cast<const uint8_t*>(call.w) + int64_t(unit) * W::kUnit;
        for (int i = threadIdx.x * 16; i < W::kUnit; i += kAmpereThreads * 16) {
          ptx::copy16(base + unit_at(stage) + i, from + i, 16);
        }
        const int k = call.split.block_of(unit) * w4a16::kBlock;
        for (int half = 0; half < 2; ++half) {
          copy_tile<N>(base + stage * kRows + half * N * 128, static_cast<const uint16_t*>(call.x), 0,
                       call.m, k + half * 64, call.k, call.aligned);
        }
      },
      [&](int stage, float (&sums)[2][N / 2]) {
        if constexpr (Zeros == SMQ_ZEROS_OFFSETS) {
          add_unit_mma_offsets<T, N, Grain>(sums, shared + unit_at(stage), base + stage * kRows, group,
                                            thread, [] {});
        } else {
          add_unit_mma<T, N, Grain, Zeros>(sums, shared + unit_at(stage), base + stage * kRows, group,
                                           thread, [] {});
        }
      },
      [&](int unit, int stop, float (&sums)[2][N / 2]) {
        end_tile<T, N, Order::kFours, kGroups>(call, blockIdx.x, unit, stop, group, thread, sums);
      });
}

template <class T, int N, int Grain, int Zeros>
int32_t launch_w4a16_ampere(smq_context* ctx, const StreamCall& call) {
  launch(ctx, w4a16_ampere<T, N, Grain, Zeros>, call.split.workers, kAmpereThreads,
         W4Ampere<N, Grain, Zeros>::kStages * W4Ampere<N, Grain, Zeros>::kStage, call);
  leave_parts<T>(ctx, call, Order::kFours, N);
  return launched(ctx, "a product with four-bit weights");
}

template <class T, int Grain, int Zeros>
int32_t w4a16_ampere_by_rows(smq_context* ctx, const StreamCall& call) {
  if (call.m <= 8) return launch_w4a16_ampere<T, 8, Grain, Zeros>(ctx, call);
  if (call.m <= 16) return launch_w4a16_ampere<T, 16, Grain, Zeros>(ctx, call);
  if (call.m <= 32) return launch_w4a16_ampere<T, 32, Grain, Zeros>(ctx, call);
  return launch_w4a16_ampere<T, 64, Grain, Zeros>(ctx, call);
}

template <class T, int Zeros>
int32_t w4a16_ampere_by_grain(smq_context* ctx, const StreamCall& call, int grain) {
  if constexpr (Zeros == SMQ_ZEROS_OFFSETS) {
    return grain == 8 ? w4a16_ampere_by_rows<T, 8, Zeros>(ctx, call) : w4a16_ampere_by_rows<T, 32, Zeros>(ctx, call);
  } else {
    switch (grain) {
      case 8: return w4a16_ampere_by_rows<T, 8, Zeros>(ctx, call);
      case 16: return w4a16_ampere_by_rows<T, 16, Zeros>(ctx, call);
      case 32: return w4a16_ampere_by_rows<T, 32, Zeros>(ctx, call);
      case 64: return w4a16_ampere_by_rows<T, 64, Zeros>(ctx, call);
      default: return w4a16_ampere_by_rows<T, 128, Zeros>(ctx, call);
    }
  }
}

template <int Zeros>
int32_t w4a16_on_ampere(smq_context* ctx, const StreamCall& call, int grain, int dtype) {
  return dtype == SMQ_F16 ? w4a16_ampere_by_grain<__half, Zeros>(ctx, call, grain)
                          : w4a16_ampere_by_grain<__nv_bfloat16, Zeros>(ctx, call, grain);
}

}  // namespace smq

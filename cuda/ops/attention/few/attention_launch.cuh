// The kernels of attention of few rows, and which of them runs. A file for each padded head_dim instantiates it.
#pragma once

#include <algorithm>

#include "gemm/stream/stream.cuh"
#include "ops/attention/few/attention_decode.cuh"
#include "ops/attention/few/attention_merge.cuh"
#include "ops/attention/few/attention_wide.cuh"

namespace smq {

template <class T, int D, int Sharers, int Tiles, bool Eight, int Chunks>
__global__ void __launch_bounds__(kAttendThreads, AttendShape<D, Sharers, Tiles, Eight>::kBlocks)
    attend_kernel(const __grid_constant__ DecodeCall call, int stages, bool early) {
  extern __shared__ __align__(128) uint8_t memory[];
  attend_spans<T, D, Sharers, Tiles, Eight, Chunks>(call, memory, stages, early, blockIdx.x, gridDim.x);
}

template <class T, int D, int Groups, bool Eight>
__global__ void __launch_bounds__(WideShape<D, Groups, Eight>::kThreads, WideShape<D, Groups, Eight>::kBlocks)
    attend_wide_kernel(const __grid_constant__ DecodeCall call, const __grid_constant__ WideMaps maps, int stages,
                       int raws, bool early) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) uint8_t tiles[];
  attend_wide<T, D, Groups, Eight>(call, maps, tiles, stages, raws, early);
#endif
}

template <class T>
__global__ void __launch_bounds__(kMergeThreads, 4) merge_kernel(const __grid_constant__ DecodeCall call) {
  let_next_start();
  merge_pieces<T>(call);
}

// Launches the end of attention, behind the kernel that leaves its pieces.
template <class T>
void launch_merge(smq_context* ctx, const DecodeCall& call) {
  prefer_shared(merge_kernel<T>);
  const AttentionArgs& args = call.args;
  const int merging = (args.heads * (args.head_dim / 4) + kMergeThreads - 1) / kMergeThreads;
  launch(ctx, merge_kernel<T>, dim3(unsigned(merging), unsigned(args.m)), dim3(kMergeThreads), 0, call);
}

// The stages of a block's ring: as many as `room` bytes hold.
template <class Shape>
inline int stages_within(int room, int most) {
  return std::min(most, (room - Shape::kQueries - Shape::kShared) / Shape::kStage);
}

// Blocks of a multiprocessor, and the stages of each one's ring.
struct Ring {
  int blocks, stages;
};

// As many blocks as there are registers for, or one where their rings would have fewer than `least` stages.
template <class Shape>
inline Ring ring_of(const smq_context* ctx, int least) {
  const int stages = stages_within<Shape>(room_of(ctx, Shape::kBlocks), kMostStages);
  if (stages >= least) return {Shape::kBlocks, stages};
  return {1, stages_within<Shape>(ctx->shared, kMostStages)};
}

// Whether two blocks of a ring of one stage fit.
template <class Shape>
inline bool fits_twice(const smq_context* ctx) {
  return Shape::bytes(1) <= room_of(ctx, 2);
}

template <class T, int D, int Sharers, int Tiles, bool Eight, int Chunks = 1>
void launch_attend(smq_context* ctx, const DecodeCall& call, bool early) {
  using Shape = AttendShape<D, Sharers, Tiles, Eight, Chunks>;
  const Ring ring = ring_of<Shape>(ctx, Chunks > 1 ? 1 : 2);
  const auto kernel = attend_kernel<T, D, Sharers, Tiles, Eight, Chunks>;
  prefer_shared(kernel);
  // A block without work holds registers and shared memory that the product behind waits for.
  const int grid = call.tail_units + std::min(ring.blocks * ctx->sms, call.most_units());
  const int bytes = std::max(Shape::bytes(ring.stages), TailShape<D>::kBytes);
  launch(ctx, kernel, dim3(unsigned(grid)), dim3(kAttendThreads), size_t(bytes), call, ring.stages, early);
}

template <class T, int D, int Groups, bool Eight>
void launch_wide(smq_context* ctx, const DecodeCall& call, const WideMaps& maps, bool early) {
  using Shape = WideShape<D, Groups, Eight>;
  // Where a multiprocessor has one block, this also takes what is behind the shared chunks, beside its ring.
  constexpr int kTail = Shape::kBlocks > 1 ? 0 : TailShape<D>::kBytes;
  const int room = room_of(ctx, Shape::kBlocks) - kTail;
  // Of 8 bits, what two stages of what they stand for leave.
  int raws = 0;
  if constexpr (Eight) raws = std::min(kMostStages, (room - Shape::bytes(2, 0)) / Shape::kRaw);
  const int stages = stages_within<Shape>(room - raws * Shape::kRaw, kMostWideStages);
  const auto kernel = attend_wide_kernel<T, D, Groups, Eight>;
  prefer_shared(kernel);
  const int most = Shape::kBlocks * ctx->sms;
  const int grid = Shape::kBlocks > 1 ? call.tail_units + std::min(most, call.most_units())
                                      : std::min(most, call.tail_units + call.most_units());
  const int bytes = std::max(Shape::bytes(stages, raws) + kTail, TailShape<D>::kBytes);
  launch(ctx, kernel, dim3(unsigned(grid)), dim3(Shape::kThreads), size_t(bytes), call, maps, stages, raws, early);
}

// Where the copy engine and wgmma serve, from this many tiles on: a group of warps takes four. Chunks in 8 bits are
// widened beside it, and between barriers otherwise.
template <bool Eight>
constexpr int kLeastWideTiles = Eight ? 2 : 3;
// In a short cache, where a block has a chunk or none, warps that share up to so many tiles end sooner (decision 57).
constexpr int kShortChunks = 32, kMostShortTiles = 4;

// The most tiles that a block's shared memory holds with a ring of two stages (one where outputs are many).
template <int D, bool Eight>
inline int most_tiles(int shared) {
  const int ring = (D > 128 ? 1 : 2) * AttendShape<D, 1, 1, Eight>::kStage + AttendShape<D, 1, 1, Eight>::kWidened;
  const auto fits = [&](int tiles, int weights) {
    return tiles * (kTileRows * 2 * D) + weights + ring <= shared;
  };
  if (D <= 128 && fits(16, 0)) return 16;
  if (fits(8, 0)) return 8;
  return fits(4, 4 * kWeightBytes + 512) ? 4 : 2;
}

// Eight: of caches in 8 bits.
template <int D, bool Eight, class T>
int32_t launch_decode(smq_context* ctx, const AttentionArgs& args, T) {
  if (const cudaError_t error = use_device(ctx->device)) return cuda_status(ctx, error, "attention");
  const int tiles = (args.m * args.group() + kTileRows - 1) / kTileRows;
  WideMaps maps{};
  // Boxes have no lower end, which a window has, and no columns beside a head's.
  const bool brief = !Eight && tiles <= kMostShortTiles && chunks_of(args.slots) <= kShortChunks;
  bool wide = D <= 128 && ctx->capability == 90 && tiles >= kLeastWideTiles<Eight> && args.head_dim == D &&
              args.window == 0 && !brief;
  if constexpr (!Eight) {
    wide = wide && map_rows(&maps.keys, args.k_cache, args.slots, int32_t(args.kv_row()), kChunk) &&
           map_rows(&maps.values, args.v_cache, args.slots, int32_t(args.kv_row()), kChunk);
  }
  const DecodeCall call(args, wide ? 2 * kWideTiles : most_tiles<D, Eight>(ctx->shared), TailShape<D>::kPairs > kChunk);
  const Rotated& before = ctx->rotated;
  const bool early = ctx->capability >= 90 && before.cache_length == args.cache_length &&
                     before.k_cache == args.k_cache && before.v_cache == args.v_cache;
  if (wide) {
    if constexpr (D <= 128) {
      if (call.run_tiles <= kWideTiles) launch_wide<T, D, 1, Eight>(ctx, call, maps, early);
      else launch_wide<T, D, 2, Eight>(ctx, call, maps, early);
    }
  } else if (Eight && call.run_tiles == 1 && fits_twice<AttendShape<D, 8, 1, Eight, 2>>(ctx)) {
    if constexpr (Eight) launch_attend<T, D, 8, 1, Eight, 2>(ctx, call, early);
  } else if (call.run_tiles == 1) {
    launch_attend<T, D, 8, 1, Eight>(ctx, call, early);
  } else if (call.run_tiles == 2) {
    launch_attend<T, D, 4, 1, Eight>(ctx, call, early);
  } else if (call.run_tiles <= 4) {
    launch_attend<T, D, 2, 1, Eight>(ctx, call, early);
  } else if (call.run_tiles <= 8) {
    launch_attend<T, D, 1, 1, Eight>(ctx, call, early);
  } else if constexpr (D <= 128) {
    launch_attend<T, D, 1, 2, Eight>(ctx, call, early);
  }
  launch_merge<T>(ctx, call);
  return launched(ctx, "attention");
}

}  // namespace smq

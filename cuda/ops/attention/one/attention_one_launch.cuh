// The launches of attention_one.cuh. A file for each head_dim instantiates them.
#pragma once

#include <algorithm>

#include "ops/attention/attention_one_fits.cuh"
#include "ops/attention/one/attention_one.cuh"

namespace smq {

// What a product of up to 16 rows (kFewShared) leaves of a multiprocessor's shared memory, for one block, and what one of
// four-bit weights (kEightShared) does.
constexpr int kOneShared = 55 << 10, kMoreShared = 79360;
constexpr int kMostOneStages = 3;

// Whether the device holds a cluster of 16 blocks for each kv head at once, a multiprocessor for each block: products
// leave room for no second one.
template <class Kernel>
bool holds_lone_clusters(smq_context* ctx, Kernel kernel, int32_t kv_heads) {
  const void* const function = reinterpret_cast<const void*>(kernel);
  cudaFuncSetAttribute(function, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
  if (ctx->lone_clusters_of_16 < 0) {
    const int alone = ctx->shared / 2 + (8 << 10);  // two such blocks do not fit
    cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, alone);
    cudaLaunchAttribute attribute{};
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim = {16, 1, 1};
    cudaLaunchConfig_t config{};
    config.gridDim = 16;
    config.blockDim = kAttendThreads;
    config.dynamicSmemBytes = size_t(alone);
    config.attrs = &attribute;
    config.numAttrs = 1;
    int clusters = 0;
    if (cudaOccupancyMaxActiveClusters(&clusters, function, &config) != cudaSuccess) {
      cudaGetLastError();
      clusters = 0;
    }
    ctx->lone_clusters_of_16 = clusters;
  }
  return ctx->lone_clusters_of_16 >= kv_heads;
}

// A block of a cluster of so many, with a ring of one stage.
template <int D>
OneShape<D> one_shape(const AttentionArgs& args, int blocks) {
  const int32_t group = args.group();
  // A window may begin and end within spans.
  return {{}, group, group * D / blocks, std::min(chunks_of(args.slots), spans_for(args.kv_heads) + 2), 1};
}

// What `blocks` of that shape are told where each has `room` bytes: as many stages as these hold and a block has chunks.
template <int D>
OneCall one_call(const OneShape<D>& shape, const AttentionArgs& args, int blocks, int room, bool early) {
  const int chunks = (chunks_of(args.slots) + blocks - 1) / blocks, most = std::min(kMostOneStages, chunks);
  const int stages = std::clamp(1 + (room - shape.bytes()) / OneShape<D>::kStage, 1, most);
  const float scale = args.scale == 0 ? 1e-37f : args.scale < 0 ? -args.scale : args.scale;  // see DecodeCall
  return {args, Divisor(shape.share), spans_for(args.kv_heads), shape.spans, stages, scale, args.scale < 0, early};
}

// The shared memory of a block.
template <int D>
size_t one_bytes(OneShape<D> shape, const OneCall& call) {
  shape.stages = call.stages;
  return size_t(shape.bytes());
}

template <class T, int D, class Row>
void launch_one(smq_context* ctx, const AttentionArgs& args, int room, bool early, const Row& row) {
  const auto kernel = attend_one_kernel<T, D, Row>;
  int blocks = one_row_cluster(ctx, args.kv_heads);
  if (blocks == 16 && !holds_lone_clusters(ctx, kernel, args.kv_heads)) blocks = 8;
  const OneShape<D> shape = one_shape<D>(args, blocks);
  const OneCall call = one_call(shape, args, blocks, std::min(ctx->shared, room), early);
  prefer_shared(kernel);
  launch_clusters(ctx, unsigned(blocks), kernel, dim3(unsigned(blocks), unsigned(args.kv_heads)),
                  dim3(kAttendThreads), one_bytes(shape, call), call, row);
}

template <int D>
int32_t attention_of_one(smq_context* ctx, const AttentionArgs& args, bool rotate) {
  if (const cudaError_t error = use_device(ctx->device)) return cuda_status(ctx, error, "attention");
  with_half(args.dtype, [&](auto type) {
    using T = decltype(type);
    if (!rotate) {
      const Rotated& before = ctx->rotated;
      const bool early = before.cache_length == args.cache_length && before.k_cache == args.k_cache &&
                         before.v_cache == args.v_cache;
      launch_one<T, D>(ctx, args, kOneShared, early, RotatedRow());
      return;
    }
    const RopeKv rope = *ctx->rotation;
    ctx->rotation.reset();
    const Parts parts = take_parts(ctx);
    const int32_t chunks = parts.rows / 8;
    if (parts.order == Order::kNatural) {
      using Row = RowOfParts<Order::kNatural>;
      launch_one<T, D>(ctx, args, kOneShared, false, Row{parts.call, {chunks}, rope});
    } else {
      using Row = RowOfParts<Order::kFours>;
      launch_one<T, D>(ctx, args, kMoreShared, false, Row{parts.call, {chunks}, rope});
    }
  });
  return launched(ctx, "attention");
}

}  // namespace smq

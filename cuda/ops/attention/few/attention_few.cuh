// Attention of 2 to 16 rows in a short cache, behind a product that has left them in parts, as one kernel and a merge
// (sm_90): clusters of blocks take a kv head. Each adds up the parts of the heads that it needs, a share a block,
// rotates them, and tells the other blocks. Some clusters then meet chunks that all rows see whole, a block one after
// the other; one or two, which also write what smq_rope_kv writes, have the chunks that pairs of this forward lie in, a
// block some of the rows. The order of arithmetic is that of rope_parts.cu, attention_decode.cuh and attention_tail.cuh,
// and so are the bits. Blocks are small enough to start beside a product's.
#pragma once

#include "ops/attention/few/attention_few_heads.cuh"
#include "ops/attention/few/attention_launch.cuh"
#include "ops/attention/few/attention_places.cuh"

namespace smq {

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

// The chunks that all rows see whole: this block's.
template <class T, int D, int Sharers>
__device__ __forceinline__ void attend_shared_chunks(const FewCall& call, const FewRole& role, const WideMaps& maps,
                                                     uint8_t* memory, const FewText& text) {
  using Shape = FewShape<D, Sharers>;
  using Chunk = typename Shape::Chunk;
  const DecodeCall& one = call.one;
  const AttentionArgs& args = one.args;
  const uint32_t shared = ptx::shared_address(memory);
  const int32_t group = one.group.divisor, step = kFewCluster * call.clusters;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, tile = warp / Sharers, g = lane / 4;
  const bool active = tile * kTileRows < group * call.padded;
  // Where the sums of this lane's two rows go, without the chunk.
  float* to_values[2] = {};
  float2* to_softmax[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const int32_t packed = tile * kTileRows + g + 8 * r;
    const int32_t e = packed >> (role.row_chunks + 2), i = packed & (call.padded - 1);
    if (i >= args.m || e >= group) continue;
    const int64_t index = one.pieces.index(role.kv_head * one.rows + i * group + e, 0, 0);
    to_values[r] = one.pieces.values + index * one.pieces.width + warp % Sharers * Chunk::kOutputs;
    to_softmax[r] = one.pieces.softmax + index;
  }
  ptx::barrier_wait(shared + Shape::kTold, 0);
  __syncthreads();  // raw sums lie where weights will
  int parity = 0;
  for (int32_t chunk = role.first_chunk(); chunk < text.fence; chunk += step, parity ^= 1) {
    ptx::barrier_wait(shared + Shape::kFull, parity);
    TileSums<T, D, Sharers, 1> sums;
    if (active) {
      sums.clear();
      const int32_t none[1][2] = {};
      sums.take(memory + Shape::kStage, memory + tile * kTileRows * Shape::kRow, memory + Shape::kWeights, one.scale,
                false, none, kChunk);
    }
    if (chunk + step < text.fence) {
      __syncthreads();  // the stage is read no more
      bring_chunk<Shape>(maps, role.kv_head, chunk + step, shared);
    }
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      keep_outputs(to_values[r] ? to_values[r] + int64_t(chunk) * one.pieces.width : nullptr, sums.values[0], r);
      if (to_values[r] && warp % Sharers == 0 && lane % 4 == 0) {
        to_softmax[r][chunk] = make_float2(sums.softmax[0][r].top, sums.softmax[0][r].sum);
      }
    }
  }
}

// The others: this block's rows. Pairs of this forward lie first in shared memory, then the older ones of the chunk that
// they begin in.
template <class T, int D, int Sharers>
__device__ __forceinline__ void attend_own_chunks(const FewCall& call, const FewRole& role, uint8_t* memory,
                                                  const FewText& text) {
  using Shape = FewShape<D, Sharers>;
  constexpr int kUnitsRow = D / 8, kPlacesRow = Shape::kPlacesRow;
  const DecodeCall& one = call.one;
  const AttentionArgs& args = one.args;
  const uint32_t shared = ptx::shared_address(memory);
  const int32_t base = text.fence * kChunk, rows = role.rows, group = one.group.divisor;
  const int32_t shared_chunks = (args.mask ? text.committed : row_count(args, text.committed, 0)) / kChunk;
  const FewRow* const lists = reinterpret_cast<const FewRow*>(memory + Shape::kLists);
  if (threadIdx.x < kTileRow / 16) {
    reinterpret_cast<uint4*>(memory + Shape::kZeros)[threadIdx.x] = make_uint4(0, 0, 0, 0);
  }
  __syncthreads();  // lists
  int32_t most = 0;
  bool odd = false;  // whether some row sees a slot behind those of this forward
  for (int32_t r = 0; r < rows; ++r) {
    most = max(most, lists[r].count);
    odd = odd || (args.mask && lists[r].word >> args.m != 0);
  }
  int16_t* const places = reinterpret_cast<int16_t*>(memory + Shape::kPlaces);
  // Where a pair lies here. The older ones are in the order of slots; those of an odd list are copied chunk by chunk, in
  // the list's order.
  const auto kept = [&](int32_t slot, int32_t in_order) {
    const int32_t row = slot - text.older;
    return int16_t(row >= 0 && row < args.m ? row : kMostFew + in_order);
  };
  for (int32_t at = threadIdx.x; !odd && at < rows * kPlacesRow; at += kAttendThreads) {
    const int32_t r = at / kPlacesRow, index = base + at % kPlacesRow;
    const bool tree = args.mask && index >= text.committed;  // below
    places[at] = !tree && index < lists[r].count ? kept(index, index - base) : int16_t(-1);
  }
  if (args.mask && !odd) {
    __syncthreads();
    for (int32_t at = threadIdx.x; at < rows * 64; at += kAttendThreads) {
      const int32_t r = at / 64, bit = at % 64;
      const uint64_t word = lists[r].word;
      const int32_t index = text.committed + __popcll(word & ((uint64_t(1) << bit) - 1));
      if ((word >> bit & 1) && index < lists[r].count) places[r * kPlacesRow + index - base] = int16_t(bit);
    }
  }
  // Row r's chunk c, by so many warps.
  const int warp = threadIdx.x / 32;
  const auto attend = [&](auto sharers, int32_t r, int32_t c) {
    const int32_t chunk = text.fence + c;
    if (chunk * kChunk >= lists[r].count) return;  // the row has fewer
    constexpr int kWarps = decltype(sharers)::value;
    attend_places<T, D, kWarps, Shape>(one, places + r * kPlacesRow + c * kChunk, memory, [&](int row) {
      const int32_t e = row - r * role.heads;
      if (e < 0 || e >= role.heads) return int64_t(-1);
      const int32_t index = role.kv_head * one.rows + (role.first + r) * group + role.head_from + e;
      return chunk < shared_chunks ? one.pieces.index(index, 0, chunk)
                                   : one.pieces.tail_index(index, chunk - shared_chunks);
    });
  };
  const int32_t chunks = (most - base + kChunk - 1) / kChunk;
  ptx::barrier_wait(shared + Shape::kTold, 0);
  if (text.older > base) ptx::barrier_wait(shared + Shape::kFull, 0);
  __syncthreads();
  if (!odd) {
    for (int32_t c = 0; c < chunks; ++c) {
      if (rows > 1) attend(std::integral_constant<int, 4>(), warp / 4, c);
      else if (rows == 1) attend(std::integral_constant<int, 8>(), 0, c);
    }
    return;
  }
  for (int32_t round = 0; round < rows * chunks; ++round) {
    const int32_t r = round / chunks, c = round % chunks, count = lists[r].count;
    __syncthreads();  // the pairs before are read no more
    for (int at = threadIdx.x; at < kChunk * kUnitsRow; at += kAttendThreads) {
      const int pair = at / kUnitsRow, unit = at % kUnitsRow;
      const int32_t index = base + c * kChunk + pair;
      const int32_t slot = index < count ? row_slot(args, text.committed, role.first + r, index) : -1;
      if (unit == 0) places[r * kPlacesRow + c * kChunk + pair] = slot < 0 ? int16_t(-1) : kept(slot, pair);
      if (slot < 0 || (slot >= text.older && slot < text.older + args.m)) continue;
      const int64_t offset = slot * args.kv_row() + int64_t(role.kv_head) * D + 8 * unit;
      const uint32_t to = shared + unit / 8 * (Shape::kPairs * kTileRow) + swizzled(kMostFew + pair, unit % 8);
      ptx::copy16(to + Shape::kKeys, static_cast<const uint16_t*>(args.k_cache) + offset, 16);
      ptx::copy16(to + Shape::kValues, static_cast<const uint16_t*>(args.v_cache) + offset, 16);
    }
    ptx::commit_copies();
    ptx::wait_copies<0>();
    __syncthreads();
    attend(std::integral_constant<int, 8>(), r, c);
  }
}

template <class T, int D, Order O, int Sharers>
__device__ __forceinline__ void attend_few(const FewCall& call, const WideMaps& maps, uint8_t* memory) {
  using Shape = FewShape<D, Sharers>;
  if (threadIdx.x == 0) {
    const uint32_t shared = ptx::shared_address(memory);
    ptx::barrier_init(shared + Shape::kTold, 1);
    ptx::barrier_init(shared + Shape::kFull, 1);
    ptx::barrier_init_fence();
    asm volatile("prefetch.tensormap [%0];" ::"l"(&maps.keys) : "memory");
    asm volatile("prefetch.tensormap [%0];" ::"l"(&maps.values) : "memory");
  }
  cluster_arrive();
  const FewRole role(call);
  FewText text;
  if (!tell_heads<T, D, O, Shape>(call, role, maps, memory, text)) return;
  if (role.tail) attend_own_chunks<T, D, Sharers>(call, role, memory, text);
  else attend_shared_chunks<T, D, Sharers>(call, role, maps, memory, text);
}

#endif

template <class T, int D, Order O, int Sharers>
__global__ void __maxnreg__(kRegistersBesideProduct) 
    attend_few_kernel(const __grid_constant__ FewCall call, const __grid_constant__ WideMaps maps) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  extern __shared__ __align__(1024) uint8_t memory[];
  attend_few<T, D, O, Sharers>(call, maps, memory);
#endif
}

template <class T, int D, Order O, int Sharers>
void launch_few(smq_context* ctx, const FewCall& call, const WideMaps& maps) {
  const auto kernel = attend_few_kernel<T, D, O, Sharers>;
  prefer_shared(kernel);
  const AttentionArgs& args = call.one.args;
  launch_clusters(ctx, kFewCluster, kernel, dim3(kFewCluster, unsigned(args.kv_heads), unsigned(call.tail_clusters + call.clusters)),
                  dim3(kAttendThreads), size_t(FewShape<D, Sharers>::kBytes), call, maps);
}

// With the rotation that waits.
template <int D>
int32_t attention_of_few(smq_context* ctx, const AttentionArgs& args) {
  if (const cudaError_t error = use_device(ctx->device)) return cuda_status(ctx, error, "attention");
  WideMaps maps;
  if (!map_rows(&maps.keys, args.k_cache, args.slots, int32_t(args.kv_row()), kChunk) ||
      !map_rows(&maps.values, args.v_cache, args.slots, int32_t(args.kv_row()), kChunk)) {
    return fail(SMQ_DEVICE, "the driver refused to describe a cache to the copy engine");
  }
  const RopeKv rope = *ctx->rotation;
  ctx->rotation.reset();
  const Parts parts = take_parts(ctx);
  // Rows of a block of the tail, and of a cluster's heads of 8 rows, no more than one turn takes.
  const int tail_clusters = args.m > kTailRows * kFewCluster || args.group() > kTailHeads ? 2 : 1;
  const FewCall call{DecodeCall(args, kAttendWarps, true), rope, parts.call, parts.rows / 8, few_padded(args.m),
                     few_clusters(ctx, args.kv_heads, args.slots), tail_clusters};
  const bool pairs_of_tiles = call.padded * args.group() <= 2 * kTileRows;
  with_half(args.dtype, [&](auto type) {
    using T = decltype(type);
    if (parts.order == Order::kNatural) {
      if (pairs_of_tiles) launch_few<T, D, Order::kNatural, 4>(ctx, call, maps);
      else launch_few<T, D, Order::kNatural, 2>(ctx, call, maps);
    } else {
      if (pairs_of_tiles) launch_few<T, D, Order::kFours, 4>(ctx, call, maps);
      else launch_few<T, D, Order::kFours, 2>(ctx, call, maps);
    }
    launch_merge<T>(ctx, call.one);
  });
  return launched(ctx, "attention");
}

}  // namespace smq

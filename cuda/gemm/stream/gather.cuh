// A kernel behind a product that does nothing but add up its parts (parts.cuh): a block for every tile and eight
// rows. The copies of the product behind it start meanwhile.
#pragma once

#include <algorithm>

#include "gemm/stream/parts.cuh"
#include "gemm/stream/units_call.cuh"

namespace smq {

// Calls store(tile, group, thread, chunk, sums) where this block's tile had several workers.
template <Order O, class Sum, class Store>
__device__ __forceinline__ void gather_chunk(const StreamCall& call, const PartsOf<O>& parts, Store store) {
  constexpr int kAhead = 5;
  const Split& split = call.split;
  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads;
  // With more tiles than workers no tile has more than two of them, and each worker's beginning is in another.
  const int tile =
      split.tiles < split.workers ? int(blockIdx.x) : split.tile_of(split.begin(int(blockIdx.x) + 1));
  const int c = blockIdx.y;
  TileWorkers workers[1];
  workers[0].find(split, tile);
  const PartsHere<O, Sum> here[1] = {{call, parts, workers[0], group, thread, c}};
  // Also where there is nothing to do: the kernels behind this one rely on its wait.
  wait_for_previous();
  if (!workers[0].shared()) return;
  Sum sums[1][PartsOf<O>::kOperands][4];
  sum_parts<kAhead>(sums, here, [] {});
  store(tile, group, thread, c, sums[0]);
}

// The order that a thread writes in: pairs of neighbours become fours.
template <Order O>
constexpr Order kGatheredOrder = O == Order::kNatural ? Order::kNatural : Order::kFours;

template <class P, Order O>
__global__ void __launch_bounds__(kGroups* kGroupThreads)
    gather_units(const UnitsCall call, const PartsOf<O> parts) {
  let_next_start();
  using Sum = typename P::Sum;
  gather_chunk<O, Sum>(
      call.stream, parts, [&](int tile, int group, int thread, int c, const Sum(&sums)[2][4]) {
        using End = UnitsEnd<P, kGroups>;
        End(call, tile, group, thread)
            .store(call, c, typename End::Rows(call, c, thread), [&](int j, int i) { return sums[j][i]; });
      });
}

inline const StreamCall& stream_of(const StreamCall& call) { return call; }
inline const StreamCall& stream_of(const UnitsCall& call) { return call.stream; }

// The launch behind a product that left parts, of a kernel of `rows` rows.
template <Order O, class Call>
void launch_gather(smq_context* ctx, void (*kernel)(Call, PartsOf<O>), const Call& call, int rows) {
  const StreamCall& stream = stream_of(call);
  if (!stream.split.shares_tiles()) return;
  const dim3 grid(unsigned(std::min(stream.split.tiles, stream.split.workers - 1)), row_chunks(stream));
  prefer_shared(kernel);
  launch(ctx, kernel, grid, kGroups * kGroupThreads, 0, call, PartsOf<O>{rows / 8});
}

}  // namespace smq

// Adding up what the blocks of a product have left of its tiles, by a kernel behind it. Of many rows the last
// block of a tile would have to read as much as nine others wrote, alone, while memory is idle; this kernel's
// blocks take 8 rows of a tile each, and the copies of the product behind it start meanwhile. The order of
// inputs is kept, and with it the bits.
#pragma once

#include <algorithm>

#include "gemm/stream.cuh"
#include "gemm/units_call.cuh"

namespace smq {

// Blocks of the grid: every tile that more than one worker has begun, and its chunks of 8 rows.
inline dim3 gather_grid(const StreamCall& call) {
  const Split& split = call.split;
  return dim3(unsigned(std::min(split.tiles, split.workers - 1)), unsigned((call.m + 7) / 8));
}
// Whether there is such a tile.
inline bool is_gathered(const Split& split) {
  return split.units() % split.workers != 0 || split.units() / split.workers % split.blocks != 0;
}

// Calls store(tile, sums) where this block's tile had several workers; of one operand.
template <int N, int Groups, class Sum, class Store>
__device__ __forceinline__ void gather_chunk(const StreamCall& call, Store store) {
  using Vector = typename Four<Sum>::Type;
  constexpr int kAhead = 5;  // parts on their way at once
  const Split& split = call.split;
  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads;
  // With more tiles than workers no tile has more than two of them, and each worker's beginning is in another.
  const int tile =
      split.tiles < split.workers ? int(blockIdx.x) : split.begin(int(blockIdx.x) + 1) / split.blocks;
  const int start = tile * split.blocks;
  const int first_worker = split.owner(start), last_worker = split.owner(start + split.blocks - 1);
  const int c = blockIdx.y;
  const bool second = split.begin(first_worker) != start;
  const Vector* from = part_slot<Vector, N, Groups, 1>(call, first_worker, second, group, thread);
  // Also where there is nothing to do: the kernels behind this one rely on its wait.
  wait_for_previous();
  if (first_worker == last_worker) return;
  Sum sums[4] = {};
  if (8 * c + 2 * (thread % 4) < call.m) {
    for (int w = first_worker; w <= last_worker; w += kAhead) {
      Vector v[kAhead];
#pragma unroll
      for (int i = 0; i < kAhead; ++i) {
        v[i] = w + i <= last_worker ? __ldcg(from + c * kGroupThreads) : Vector{};
        from = part_slot<Vector, N, Groups, 1>(call, w + i + 1, false, group, thread);
      }
#pragma unroll
      for (int i = 0; i < kAhead; ++i) {
        if (w + i > last_worker) break;
        if (i == 0 && w == first_worker) {
          sums[0] = v[i].x, sums[1] = v[i].y, sums[2] = v[i].z, sums[3] = v[i].w;
        } else {
          sums[0] += v[i].x, sums[1] += v[i].y, sums[2] += v[i].z, sums[3] += v[i].w;
        }
      }
    }
  }
  store(tile, group, thread, c, sums);
}

template <class T, int N, Order O, int Groups>
__global__ void __launch_bounds__(Groups* kGroupThreads) gather_float(const StreamCall call) {
  let_next_start();
  gather_chunk<N, Groups, float>(call, [&](int tile, int group, int thread, int c, const float(&sums)[4]) {
    store_chunk<T, O, Groups, 1>(call, tile, group, thread, c, [&](int, int i) { return sums[i]; });
  });
}

// After a launch of a product of floats.
template <class T, int N, Order O, int Groups>
void launch_gather(smq_context* ctx, const StreamCall& call) {
  if (!is_gathered(call.split)) return;
  prefer_shared(gather_float<T, N, O, Groups>);
  launch(ctx, gather_float<T, N, O, Groups>, gather_grid(call), Groups * kGroupThreads, 0, call);
}

template <class P, int N, int Groups>
__global__ void __launch_bounds__(Groups* kGroupThreads) gather_units(const UnitsCall call) {
  let_next_start();
  gather_chunk<N, Groups, typename P::Sum>(
      call.stream, [&](int tile, int group, int thread, int c, const typename P::Sum(&sums)[4]) {
        const UnitsEnd<P, Groups> end(call, tile, group, thread);
        end.store(call, c, typename UnitsEnd<P, Groups>::Rows(call, c, thread), [&](int, int i) { return sums[i]; });
      });
}

// After a launch of a product of weights in units.
template <class P, int N, int Groups>
void launch_gather(smq_context* ctx, const UnitsCall& call) {
  if (!is_gathered(call.stream.split)) return;
  prefer_shared(gather_units<P, N, Groups>);
  launch(ctx, gather_units<P, N, Groups>, gather_grid(call.stream), Groups * kGroupThreads, 0, call);
}

}  // namespace smq

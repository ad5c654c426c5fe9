// Adding up what the blocks of a product have left of its tiles, by a kernel behind it. The last block of a tile
// would have to read what up to nine others wrote, alone, while memory is idle; this kernel's blocks take 8 rows of
// a tile each, and the copies of the product behind it start meanwhile. The order of inputs is kept, and with it
// the bits.
#pragma once

#include <algorithm>

#include "gemm/stream.cuh"
#include "gemm/units_call.cuh"

namespace smq {

// The parts of a tile, as kernels of N rows leave them: see part_slot.
template <Order O>
struct PartsOf {
  static constexpr int kOperands = O == Order::kNatural ? 1 : 2;  // of a thread here
  static constexpr int kSlot = kGroups * kOperands * kGroupThreads;  // vectors of a chunk of 8 rows
  int32_t chunks;                                                    // N / 8

  // Of operand j of this thread and chunk c, in vectors; `group` is one of kGroups.
  __device__ __forceinline__ int64_t at(int worker, bool second, int group, int j, int c, int thread) const {
    const int place = O == Order::kPairs ? (group * 2 + j) * chunks + c
                                         : (group * chunks + c) * kOperands + j;
    return int64_t(2 * worker + second) * (kSlot * chunks) + place * kGroupThreads + thread;
  }
};

// Calls store(tile, group, thread, chunk, sums) where this block's tile had several workers.
template <Order O, class Sum, class Store>
__device__ __forceinline__ void gather_chunk(const StreamCall& call, const PartsOf<O>& parts, Store store) {
  using Vector = typename Four<Sum>::Type;
  constexpr int kAhead = 5, kOperands = PartsOf<O>::kOperands;  // parts on their way at once
  const Split& split = call.split;
  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads;
  // With more tiles than workers no tile has more than two of them, and each worker's beginning is in another.
  const int tile =
      split.tiles < split.workers ? int(blockIdx.x) : split.begin(int(blockIdx.x) + 1) / split.blocks;
  const int start = tile * split.blocks;
  const int first_worker = split.owner(start), last_worker = split.owner(start + split.blocks - 1);
  const int c = blockIdx.y;
  const bool second = split.begin(first_worker) != start;
  const Vector* const from = reinterpret_cast<const Vector*>(call.partials);
  // Also where there is nothing to do: the kernels behind this one rely on its wait.
  wait_for_previous();
  if (first_worker == last_worker) return;
  Sum sums[kOperands][4] = {};
  if (8 * c + 2 * (thread % 4) < call.m) {
    for (int w = first_worker; w <= last_worker; w += kAhead) {
      Vector v[kAhead][kOperands];
#pragma unroll
      for (int i = 0; i < kAhead; ++i) {
#pragma unroll
        for (int j = 0; j < kOperands; ++j) {
          const bool exists = w + i <= last_worker, in_second = second && w + i == first_worker;
          v[i][j] = exists ? __ldcg(from + parts.at(w + i, in_second, group, j, c, thread)) : Vector{};
        }
      }
#pragma unroll
      for (int i = 0; i < kAhead; ++i) {
        if (w + i > last_worker) break;
#pragma unroll
        for (int j = 0; j < kOperands; ++j) {
          const Vector part = v[i][j];
          if (i == 0 && w == first_worker) {
            sums[j][0] = part.x, sums[j][1] = part.y, sums[j][2] = part.z, sums[j][3] = part.w;
          } else {
            sums[j][0] += part.x, sums[j][1] += part.y, sums[j][2] += part.z, sums[j][3] += part.w;
          }
        }
      }
    }
  }
  store(tile, group, thread, c, sums);
}

// The order that a thread writes in: pairs of neighbours become fours.
template <Order O>
constexpr Order kGatheredOrder = O == Order::kNatural ? Order::kNatural : Order::kFours;

template <class T, Order O>
__global__ void __launch_bounds__(kGroups* kGroupThreads)
    gather_float(const StreamCall call, const PartsOf<O> parts) {
  let_next_start();
  constexpr int kOperands = PartsOf<O>::kOperands;
  gather_chunk<O, float>(
      call, parts, [&](int tile, int group, int thread, int c, const float(&sums)[kOperands][4]) {
        store_chunk<T, kGatheredOrder<O>, kGroups, kOperands>(call, tile, group, thread, c,
                                                              [&](int j, int i) { return sums[j][i]; });
      });
}

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
  const dim3 grid(unsigned(std::min(stream.split.tiles, stream.split.workers - 1)),
                  unsigned((stream.m + 7) / 8));
  prefer_shared(kernel);
  launch(ctx, kernel, grid, kGroups * kGroupThreads, 0, call, PartsOf<O>{rows / 8});
}

}  // namespace smq

// What the kernels of few rows are given for weights in units, and how they end a tile.
#pragma once

#include "gemm/stream/split.cuh"
#include "gemm/weights/weights.cuh"

namespace smq {

struct UnitsCall {
  StreamCall stream;
  const float* scales;    // of the outputs, whole tiles, or null
  const float* offsets;   // likewise, or null
  const float* x_scales;  // of the rows, or null
  const int32_t* x_sums;
  const uint8_t* needs;   // of the outputs, whole tiles, of four bits in groups; else null
  int32_t dtype;
};

// Scales of the first and last tile of a worker, which may be all of its tiles, come into the second cache
// while weights are on their way.
__device__ __forceinline__ void prefetch_scales(const UnitsCall& call, int begin, int end) {
  constexpr int kLines = units::kTile * 4 / 128;
  if (threadIdx.x >= 2 * kLines || !call.scales) return;
  const int tile = call.stream.split.tile_of(threadIdx.x < kLines ? begin : end - 1);
  const int64_t at = int64_t(tile) * units::kTile + threadIdx.x % kLines * 32;
  asm volatile("prefetch.global.L2 [%0];" ::"l"(call.scales + at));
  if (call.offsets) asm volatile("prefetch.global.L2 [%0];" ::"l"(call.offsets + at));
  if (call.needs) asm volatile("prefetch.global.L2 [%0];" ::"l"(call.needs + at));
}

// The quickest way that all weights of a warp's 32 outputs of a tile allow, the same for all who compute them.
template <class P>
__device__ __forceinline__ Way way_of(const UnitsCall& call, int tile, int half, int thread) {
  if constexpr (!WeightsOf<P, Way::kClamped>::kHasWays) return Way::kClamped;
  const int output = tile * units::kTile + half * 128 + thread / 32 * 32 + thread % 32;
  const uint32_t need = __reduce_or_sync(~0u, call.needs[output]);
  return need & units::kNeedsClamp ? Way::kClamped : need & units::kNeedsRounding ? Way::kRounded : Way::kWhole;
}

// How the warps of a block share a unit: two groups of four warps with both operands of half a unit's outputs
// each, or four groups with one operand each.
template <int Groups>
struct Share {
  static_assert(Groups == 2 || Groups == 4, "a unit has four operands of 64 outputs");
  static constexpr int kOperands = 4 / Groups;
  static constexpr Order kOrder = Groups == 2 ? Order::kFours : Order::kPairs;
  // Of group `group`: the half of the unit, and its first operand.
  static __device__ __forceinline__ int half(int group) { return Groups == 2 ? group : group / 2; }
  static __device__ __forceinline__ int first(int group) { return Groups == 2 ? 0 : group % 2; }
};

// Scales the sums that a thread has of a tile and writes its outputs.
template <class P, int Groups>
struct UnitsEnd {
  using S = Share<Groups>;
  int tile, group, thread;
  float2 scale[S::kOperands], offset[S::kOperands];

  // What it needs of the weights.
  __device__ __forceinline__ UnitsEnd(const UnitsCall& call, int tile, int group, int thread)
      : tile(tile), group(group), thread(thread) {
    const int output = ((tile * 2 + S::half(group)) * 4 + thread / 32) * 32 + thread % 32 / 4 * 4 + 2 * S::first(group);
#pragma unroll
    for (int j = 0; j < S::kOperands; ++j) {
      if constexpr (P::kScales) scale[j] = *reinterpret_cast<const float2*>(call.scales + output + 2 * j);
      if constexpr (P::kOffsets) offset[j] = *reinterpret_cast<const float2*>(call.offsets + output + 2 * j);
    }
  }

  // And of its rows of chunk c of 8.
  struct Rows {
    float scale[2], sum[2];

    Rows() = default;
    __device__ __forceinline__ Rows(const UnitsCall& call, int c, int thread) {
#pragma unroll
      for (int column = 0; column < 2; ++column) {
        const int row = 8 * c + 2 * (thread % 4) + column;
        const bool exists = row < call.stream.m;
        scale[column] = P::kRowScales && exists ? call.x_scales[row] : 1;
        sum[column] = P::kOffsets && exists ? float(call.x_sums[row]) : 0;
      }
    }
  };

  // Chunk c; value(j, i): the sum sums[j][4 c + i].
  template <class Value>
  __device__ __forceinline__ void store(const UnitsCall& call, int c, const Rows& rows, Value value) const {
    const auto scaled = [&](int j, int i) {
      const int column = i % 2;
      const bool second = i & 2;
      if constexpr (!P::kScales) return float(value(j, i));
      const float sum = float(value(j, i)), by = second ? scale[j].y : scale[j].x;
      float result = sum * by;
      if constexpr (P::kOffsets) {
        result = fmaf(sum, by, -((second ? offset[j].y : offset[j].x) * rows.sum[column]));
      }
      return P::kRowScales ? result * rows.scale[column] : result;
    };
    if (call.dtype == SMQ_F16) {
      store_chunk<__half, S::kOrder, Groups, S::kOperands>(call.stream, tile, group, thread, c, scaled);
    } else {
      store_chunk<__nv_bfloat16, S::kOrder, Groups, S::kOperands>(call.stream, tile, group, thread, c, scaled);
    }
  }
};

// The same for all rows of a tile.
template <class P, int N, int Groups>
__device__ __forceinline__ void store_units(
    const UnitsCall& call, int tile, int group, int thread,
    const typename P::Sum (&sums)[Share<Groups>::kOperands][N / 2]) {
  const UnitsEnd<P, Groups> end(call, tile, group, thread);
  typename UnitsEnd<P, Groups>::Rows rows[N / 8];  // loaded ahead: behind a store each costs a latency
#pragma unroll
  for (int c = 0; c < N / 8; ++c) rows[c] = typename UnitsEnd<P, Groups>::Rows(call, c, thread);
#pragma unroll
  for (int c = 0; c < N / 8; ++c) {
    end.store(call, c, rows[c], [&](int j, int i) { return sums[j][4 * c + i]; });
  }
}

// Ends a worker's part of a tile: see end_tile.
template <class P, int N, int Groups>
__device__ __forceinline__ void end_units(const UnitsCall& call, int unit, int stop, int group, int thread,
                                          const typename P::Sum (&sums)[Share<Groups>::kOperands][N / 2]) {
  const int blocks = call.stream.split.blocks;
  if (stop - unit < blocks) {
    return leave_part<N, Groups>(call.stream, blockIdx.x, unit, group, thread, sums);
  }
  store_units<P, N, Groups>(call, call.stream.split.tile_of(unit), group, thread, sums);
}

}  // namespace smq

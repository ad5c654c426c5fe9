// How the blocks of a grid share a product, and how what they computed comes together.
//
// A weight is `tiles` (outputs) x `blocks` (inputs) units, in that order in memory. Block c of a grid
// takes the units from begin(c) to begin(c + 1): equal shares, whatever the shape, and the same for any
// number of rows. So a tile may be spread over several blocks of the grid. Each leaves its sums in
// scratch, and a kernel behind the product (parts.cuh) adds them in the order of inputs: always the same bits.
//
// Sums lie in the fragments of mma.m16n8k16: thread 4 g + t of a warp holds, of J operands A of 16
// outputs and chunk c of 8 rows, operand rows g, g, g + 8, g + 8 for rows 8 c + 2 t, + 1, + 0, + 1.
#pragma once

#include "context.cuh"
#include "gemm/ptx.cuh"
#include "gemm/stream_call.cuh"

namespace smq {

// Adds bias and writes output `output` of row `row`.
template <class T>
__device__ __forceinline__ void store_output(const StreamCall& call, int row, int output, float value) {
  if (call.bias) value += float(static_cast<const T*>(call.bias)[output]);
  const int64_t at = int64_t(row) * call.y_stride + output;
  if (call.epilogue == SMQ_STORE) {
    static_cast<T*>(call.y)[at] = T(value);
  } else {
    float* y = static_cast<float*>(call.y) + at;
    *y = call.epilogue == SMQ_RESIDUAL ? *y + value : value;
  }
}

// The same for four neighbouring outputs.
template <class T>
__device__ __forceinline__ void store_four(const StreamCall& call, int row, int output, float4 v) {
  if (call.bias) {
    const T* bias = static_cast<const T*>(call.bias) + output;
    v.x += float(bias[0]), v.y += float(bias[1]), v.z += float(bias[2]), v.w += float(bias[3]);
  }
  const int64_t at = int64_t(row) * call.y_stride + output;
  if (call.epilogue == SMQ_STORE) {
    T packed[4] = {T(v.x), T(v.y), T(v.z), T(v.w)};
    *reinterpret_cast<uint2*>(static_cast<T*>(call.y) + at) = *reinterpret_cast<uint2*>(packed);
  } else {
    float4* y = reinterpret_cast<float4*>(static_cast<float*>(call.y) + at);
    if (call.epilogue == SMQ_RESIDUAL) {
      const float4 old = *y;
      v.x += old.x, v.y += old.y, v.z += old.z, v.w += old.w;
    }
    *y = v;
  }
}

// Writes the outputs of chunk c of 8 rows of a tile; value(j, i) is the one of sums[j][4 c + i].
template <class T, Order O, int Groups, int J, class Value>
__device__ __forceinline__ void store_chunk(const StreamCall& call, int tile, int group, int thread, int c,
                                            Value value) {
  const int warp = thread / 32, g = thread % 32 / 4, t = thread % 4;
  int output = 0;
  if (O == Order::kNatural) output = ((tile * Groups + group) * 4 + warp) * 16 + g;
  if (O == Order::kFours) output = ((tile * Groups + group) * 4 + warp) * 32 + 4 * g;
  if (O == Order::kPairs) {
    output = ((tile * Groups / 2 + group / 2) * 4 + warp) * 32 + 4 * g + group % 2 * 2;
  }
  constexpr int kNext = O == Order::kNatural ? 8 : 1;  // from operand row g to g + 8
#pragma unroll
  for (int column = 0; column < 2; ++column) {
    const int row = 8 * c + 2 * t + column;
    if (row >= call.m) continue;
    if (O == Order::kFours && call.wide && output + 3 < call.n) {
      store_four<T>(call, row, output,
                    make_float4(value(0, column), value(0, 2 + column), value(J - 1, column),
                                value(J - 1, 2 + column)));
      continue;
    }
#pragma unroll
    for (int j = 0; j < J; ++j) {
      const int first = output + 2 * j;
      if (first < call.n) store_output<T>(call, row, first, value(j, column));
      if (first + kNext < call.n) store_output<T>(call, row, first + kNext, value(j, 2 + column));
    }
  }
}

// The same for all rows of a tile; value(j, i) is the one of sums[j][i].
template <class T, int N, Order O, int Groups, int J, class Value>
__device__ __forceinline__ void store_tile(const StreamCall& call, int tile, int group, int thread,
                                           Value value) {
#pragma unroll
  for (int c = 0; c < N / 8; ++c) {
    store_chunk<T, O, Groups, J>(call, tile, group, thread, c,
                                 [&](int j, int i) { return value(j, 4 * c + i); });
  }
}

template <class Sum>
struct Four;
template <>
struct Four<float> {
  using Type = float4;
};
template <>
struct Four<int32_t> {
  using Type = int4;
};

// Where a group's thread leaves its sums, vector 128 (J c + j) of them those of chunk c and operand j. A worker's
// first part goes to its first slot; only the first worker of a tile can come to the tile with a part done before.
template <class Vector, int N, int Groups, int J>
__device__ __forceinline__ Vector* part_slot(const StreamCall& call, int worker, bool second, int group,
                                             int thread) {
  constexpr int kGroup = N / 8 * J * kGroupThreads;
  return reinterpret_cast<Vector*>(call.partials) + int64_t(2 * worker + second) * (Groups * kGroup) +
         group * kGroup + thread;
}

// Leaves a worker's sums of units from `unit` on, of the rows that exist.
template <int N, int Groups, int J, class Sum>
__device__ __forceinline__ void leave_part(const StreamCall& call, int worker, int unit, int group,
                                           int thread, const Sum (&sums)[J][N / 2]) {
  using Vector = typename Four<Sum>::Type;
  const bool second = unit != call.split.begin(worker);
  Vector* const slot = part_slot<Vector, N, Groups, J>(call, worker, second, group, thread);
#pragma unroll
  for (int c = 0; c < N / 8; ++c) {
    if (8 * c + 2 * (thread % 4) >= call.m) continue;
#pragma unroll
    for (int j = 0; j < J; ++j) {
      __stcg(slot + (c * J + j) * kGroupThreads,
             Vector{sums[j][4 * c], sums[j][4 * c + 1], sums[j][4 * c + 2], sums[j][4 * c + 3]});
    }
  }
}

// Ends a worker's part of a tile, units [unit, stop) of it: writes what is whole, and leaves what is not.
template <class T, int N, Order O, int Groups, int J>
__device__ __forceinline__ void end_tile(const StreamCall& call, int worker, int unit, int stop, int group,
                                         int thread, const float (&sums)[J][N / 2]) {
  const int blocks = call.split.blocks;
  if (stop - unit < blocks) return leave_part<N, Groups>(call, worker, unit, group, thread, sums);
  store_tile<T, N, O, Groups, J>(call, call.split.tile_of(unit), group, thread,
                                 [&](int j, int i) { return sums[j][i]; });
}

}  // namespace smq

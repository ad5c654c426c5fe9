// The products of a forward: a block takes its share of units from the ring.
#pragma once

#include "forward/block.cuh"
#include "gemm/w4a16_held.cuh"
#include "gemm/w4a16_pair.cuh"
#include "gemm/wgmma.cuh"

namespace smq {
namespace forward {

// Ends a block's part of a tile: units [unit, stop) of its own `units`.
template <class T, int N, Order O, int J>
__device__ __forceinline__ void end_tile(const Consumer<N>& me, const ProductCall& call, int32_t unit,
                                         int32_t stop, int32_t begin, float (&totals)[J][N / 2]) {
  if (call.parts.sums != nullptr) {
    leave_part<N>(part_of(call.parts, unit, begin), call.product.m, me.group, me.thread, totals);
  } else {
    finish_tile<T, N, O, kConsumerGroups>(call.product, blockIdx.x, unit, stop, me.group, me.thread, totals,
                                          &me.notes->flags[me.group]);
  }
#pragma unroll
  for (int j = 0; j < J; ++j) {
#pragma unroll
    for (int i = 0; i < N / 2; ++i) totals[j][i] = 0;
  }
}

// By mma.sync, which few rows need: a unit is multiplied while the next one comes into registers.
template <class T, int N>
__device__ __forceinline__ void multiply_few(Consumer<N>& me, const ProductCall& call, int2 units) {
  const int32_t blocks = call.product.split.blocks;
  if (units.x == units.y) return;
  Cursor<Layout<N>::R::kStages> at = me.at;
  HeldUnit<N> held[2] = {};
  int stage = at.stage;  // of the unit that is multiplied next
  const auto hold = [&](HeldUnit<N>& to) {
    me.wait_full(at);
    hold_unit(to, me.ring.unit(at.stage), me.ring.rows(at.stage), me.group, me.thread);
  };
  hold(held[0]);
  at.next();
  float totals[2][N / 2] = {};
  const auto step = [&](const HeldUnit<N>& now, HeldUnit<N>& next, bool more) {
    if (more) hold(next);
    add_held_unit<T>(totals, now);
    __syncwarp();
    me.release(stage);
    stage = at.stage;
    if (more) at.next();
  };
  bool odd = false;
  for (int32_t unit = units.x; unit < units.y;) {
    const int32_t rest = blocks - unit % blocks;
    const int32_t stop = unit + rest < units.y ? unit + rest : units.y;
#pragma unroll 1
    for (int32_t i = unit; i < stop; ++i, odd = !odd) {
      if (odd) {
        step(held[1], held[0], i + 1 < units.y);
      } else {
        step(held[0], held[1], i + 1 < units.y);
      }
    }
    end_tile<T, N, Order::kFours>(me, call, unit, stop, units.x, totals);
    unit = stop;
  }
  me.at = at;
}

// By wgmma, which many rows need: see w4a16_pair.cuh.
template <class T, int N>
__device__ __forceinline__ void multiply_many(Consumer<N>& me, const ProductCall& call, int2 units) {
  const int32_t blocks = call.product.split.blocks;
  if (units.x == units.y) return;
  Cursor<Layout<N>::R::kStages> at = me.at;
  Pair<T, N> pair;
  uint4 first[2] = {};
  me.wait_full(at);
  pair.fetch(first, me.ring.unit(at.stage), me.group, me.thread);
  pair.unpack(0, first);
  float totals[2][N / 2] = {};
  for (int32_t unit = units.x; unit < units.y;) {
    const int32_t rest = blocks - unit % blocks;
    const int32_t stop = unit + rest < units.y ? unit + rest : units.y;
#pragma unroll 1
    for (int32_t i = unit; i < stop; ++i) {
      const int stage = at.stage;
      pair.multiply(0, me.ring.rows(stage));
      pair.unpack(1, pair.second);
      pair.multiply(1, me.ring.rows(stage));
      pair.scales = pair.next_scales;
      at.next();
      const bool more = i + 1 < units.y;
      if (more) {
        me.wait_full(at);
        pair.fetch(first, me.ring.unit(at.stage), me.group, me.thread);
      }
      wgmma::wait<1>();
      pair.fold(0, totals);
      if (more) pair.unpack(0, first);
      wgmma::wait<0>();
      pair.fold(1, totals);
      me.release(stage);
    }
    end_tile<T, N, Order::kFours>(me, call, unit, stop, units.x, totals);
    unit = stop;
  }
  me.at = at;
}

template <class T, int N>
__device__ __forceinline__ void multiply_f16(Consumer<N>& me, const ProductCall& call, int2 units) {
  const Split split = call.product.split;
  Cursor<Layout<N>::R::kStages> at = me.at;
  for (int unit = units.x; unit < units.y;) {
    const int rest = split.blocks - unit % split.blocks;
    const int stop = unit + rest < units.y ? unit + rest : units.y;
    float sums[1][N / 2] = {};
    int held = -1;  // the stage that the last step still reads
#pragma unroll 1
    for (int i = unit; i < stop; ++i) {
      me.wait_full(at);
      const uint64_t a = wgmma::describe(me.ring.unit(at.stage) + me.group * 64 * 128);
      const uint64_t b = wgmma::describe(me.ring.rows(at.stage));
      wgmma::fence();
#pragma unroll
      for (int step = 0; step < kF16Block / 16; ++step) {
        wgmma::multiply_shared(sums[0], a + step * wgmma::kStep, b + step * wgmma::kStep,
                               i != unit || step != 0, T());
      }
      wgmma::commit();
      if (held >= 0) {
        wgmma::wait<1>();
        me.release(held);
      }
      held = at.stage;
      at.next();
    }
    wgmma::wait<0>();
    wgmma::settle(sums[0]);
    me.release(held);
    end_tile<T, N, Order::kNatural>(me, call, unit, stop, units.x, sums);
    unit = stop;
  }
  me.at = at;
}

}  // namespace forward
}  // namespace smq

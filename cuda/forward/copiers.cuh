// The two threads of a block that bring weights and rows into its ring.
#pragma once

#include "forward/block.cuh"

namespace smq {
namespace forward {

// At most kDepth copies are under way at once: more would not be quicker, and whatever else a multiprocessor
// asks the memory for would stand in line behind them.
constexpr int kDepth = 3;

template <class R>
__device__ __forceinline__ void feed_weights(const R& ring, const Instruction* program, int count) {
  static_assert(R::kStages > kDepth, "a copy has ended before its stage is used again");
  const uint64_t policy = ptx::read_once();
  Cursor<R::kStages> at, landed;
  int under_way = 0;
  const auto open = [&](int bytes) {
    if (under_way == kDepth) {
      ptx::barrier_wait(ring.full(landed.stage), landed.parity);
      landed.next();
    } else {
      ++under_way;
    }
    ptx::barrier_wait(ring.empty(at.stage), at.parity ^ 1);
    ptx::barrier_expect(ring.full(at.stage), bytes);
  };
  struct Head {
    Kind kind;
    Split split;
    const uint8_t* w;
  };
  const auto head_of = [&](int i) { return Head{program[i].kind, program[i].split, program[i].w}; };
  Head next = head_of(0);
  for (int i = 0; i < count; ++i) {
    const Head op = next;
    if (i + 1 < count) next = head_of(i + 1);  // on its way while this op's units are copied
    if (op.kind != Kind::kW4a16 && op.kind != Kind::kF16) continue;
    const int2 units = share_of(op.split);
    if (op.kind == Kind::kW4a16) {
      const uint8_t* w = op.w + int64_t(units.x) * kW4Bytes;
      for (int unit = units.x; unit < units.y; ++unit, w += kW4Bytes) {
        open(kW4Bytes);
        ptx::bulk_copy(ring.unit(at.stage), w, kW4Bytes, ring.full(at.stage), policy);
        at.next();
      }
    } else if (units.x < units.y) {
      const CUtensorMap* const map = &program[i].w_map;
      int tile = units.x / op.split.blocks, block = units.x % op.split.blocks;
      ptx::acquire_map(map);
      for (int unit = units.x; unit < units.y; ++unit) {
        open(kF16Bytes);
        ptx::box_copy(ring.unit(at.stage), map, block * kF16Block, tile * kF16Tile,
                      ring.full(at.stage), policy);
        if (++block == op.split.blocks) block = 0, ++tile;
        at.next();
      }
    }
  }
}

template <int N, class R>
__device__ __forceinline__ void feed_rows(const R& ring, const Instruction* program, int count,
                                          const uint32_t* counter, uint32_t rows_here) {
  Cursor<R::kStages> at;
  for (int i = 0; i < count; ++i) {
    const Kind kind = program[i].kind;
    if (kind != Kind::kW4a16 && kind != Kind::kF16) continue;
    const Split split = program[i].split;
    const CUtensorMap* map = &program[i].x_map;
    const int2 units = share_of(split);
    if (units.x == units.y) continue;
    ptx::acquire_map(map);
    asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
    wait_for_blocks(counter, uint32_t(i) * gridDim.x);
    // What other multiprocessors wrote is read by the copy engine.
    asm volatile("fence.proxy.async;" ::: "memory");
    const bool four_bits = kind == Kind::kW4a16;
    int block = units.x % split.blocks;
    for (int unit = units.x; unit < units.y; ++unit) {
      ptx::barrier_wait(ring.empty(at.stage), at.parity ^ 1);
      const uint32_t to = ring.rows(at.stage), full = rows_here + 8 * at.stage;
      if (four_bits) {
        ptx::barrier_expect(full, N * w4a16::kBlock * 2);
        ptx::box_copy(to, map, block * w4a16::kBlock, 0, full);
        ptx::box_copy(to + N * 128, map, block * w4a16::kBlock + 64, 0, full);
      } else {
        ptx::barrier_expect(full, N * kF16Block * 2);
        ptx::box_copy(to, map, block * kF16Block, 0, full);
      }
      if (++block == split.blocks) block = 0;
      at.next();
    }
  }
}

}  // namespace forward
}  // namespace smq

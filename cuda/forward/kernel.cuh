// One kernel for a whole forward: a block on every multiprocessor walks through the ops of a program, all
// blocks together, and between two ops they wait for each other. Weights do not depend on earlier ops, so
// one thread copies them into a ring of shared memory as fast as there is room, through op after op: while
// the blocks wait, norm and attend, the memory goes on, and the next product finds its weights there. A
// second thread brings the rows' inputs, once the ops before have ended. Eight warps compute.
#pragma once

#include "forward/program.cuh"
#include "gemm/stream_ring.cuh"
#include "gemm/w4a16_layout.cuh"
#include "gemm/w4a16_held.cuh"
#include "gemm/w4a16_pair.cuh"
#include "gemm/wgmma.cuh"
#include "ops/norm_row.cuh"
#include "ops/rope_head.cuh"
#include "ops/silu.cuh"

namespace smq {
namespace forward {

constexpr int kConsumerGroups = 2;
constexpr int kConsumers = kConsumerGroups * kGroupThreads;
constexpr int kThreads = kConsumers + kGroupThreads;  // and four warps of which two copy
constexpr int kW4Bytes = w4a16::kNibbleBytes + w4a16::kTile * 2;
constexpr int kF16Bytes = kF16Tile * kF16Block * 2;
constexpr int kUnitRoom = (kW4Bytes + 1023) / 1024 * 1024;  // of either
constexpr int kAttendTiles = 2;
constexpr int kAllBarrier = 1 + kConsumerGroups;  // a named barrier of all consumers

// What a block has beside its ring.
struct Notes {
  alignas(16) uint8_t instructions[3][kInstructionHead];
  TileParts tiles[kMostTiles];  // of the product before
  uint32_t flags[kConsumerGroups];
  uint64_t rows_here[16];  // a barrier for each stage: its rows' inputs have come
};

template <int N>
struct Layout {
  static constexpr int kRows = N * w4a16::kBlock * 2;
  // Few rows give attention few units of work: half the consumers are enough, and the ring longer.
  static constexpr int kAttendGroups = N >= 32 ? 2 : 1;
  static constexpr int kAttend = int(sizeof(AttendShared<128, kAttendTiles>));
  static constexpr int kBeside = kAttendGroups * kAttend + int(sizeof(Notes));
  static constexpr int kStages = (kWholeShared - kRingExtra - kBeside) / (kRows + kUnitRoom);
  using R = Ring<kStages, kRows, kUnitRoom>;
  static constexpr int kBytes = R::kBytes + kBeside;
};

__device__ __forceinline__ void all_consumers() { ptx::block_barrier(kAllBarrier, kConsumers); }

// Waits until blocks have arrived `arrivals` times.
__device__ __forceinline__ void wait_for_blocks(const uint32_t* counter, uint32_t arrivals) {
  while (ptx::load_acquire(counter) < arrivals) {
  }
}

// The first and the end of this block's units.
__device__ __forceinline__ int2 share_of(const Split& split) {
  const int worker = blockIdx.x;
  if (worker >= split.workers) return make_int2(0, 0);
  return make_int2(split.begin(worker), split.begin(worker + 1));
}

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

// A consumer's view of its block.
template <int N>
struct Consumer {
  using R = typename Layout<N>::R;
  R ring;
  uint8_t* shared;
  Notes* notes;
  Cursor<R::kStages> at;
  int group, thread;  // of the group

  __device__ __forceinline__ void wait_full(const Cursor<R::kStages>& at) const {
    ptx::barrier_wait(ring.full(at.stage), at.parity);
    ptx::barrier_wait(ptx::shared_address(&notes->rows_here[at.stage]), at.parity);
  }
  __device__ __forceinline__ void release(int stage) const {
    if (thread % 32 == 0) ptx::barrier_arrive(ring.empty(stage));
  }
};

__device__ __forceinline__ int32_t chunks_of_row(int32_t width) {
  return (width + kNormChunk - 1) / kNormChunk;
}

// Ends a block's part of a tile: units [unit, stop) of its own `units`.
template <class T, int N>
__device__ __forceinline__ void end_tile(const Consumer<N>& me, const ProductCall& call, int32_t unit,
                                         int32_t stop, int32_t begin, float (&totals)[2][N / 2]) {
  if (call.parts.sums != nullptr) {
    leave_part<N>(call.parts, call.product.split, call.product.m, unit, begin, me.group, me.thread, totals);
  } else {
    finish_tile<T, N, Order::kFours, kConsumerGroups>(call.product, blockIdx.x, unit, stop, me.group,
                                                      me.thread, totals, &me.notes->flags[me.group]);
  }
#pragma unroll
  for (int j = 0; j < 2; ++j) {
#pragma unroll
    for (int i = 0; i < N / 2; ++i) totals[j][i] = 0;
  }
}

// By mma.sync, which few rows need: a unit is multiplied while the next one comes into registers.
template <class T, int N>
__device__ __forceinline__ void multiply_few(Consumer<N>& me, const ProductCall& call) {
  const int32_t blocks = call.product.split.blocks;
  const int2 units = share_of(call.product.split);
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
    end_tile<T, N>(me, call, unit, stop, units.x, totals);
    unit = stop;
  }
  me.at = at;
}

// By wgmma, which many rows need: see w4a16_pair.cuh.
template <class T, int N>
__device__ __forceinline__ void multiply_many(Consumer<N>& me, const ProductCall& call) {
  const int32_t blocks = call.product.split.blocks;
  const int2 units = share_of(call.product.split);
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
    end_tile<T, N>(me, call, unit, stop, units.x, totals);
    unit = stop;
  }
  me.at = at;
}

template <class T, int N>
__device__ __forceinline__ void multiply_f16(Consumer<N>& me, const StreamCall& call) {
  const Split split = call.split;
  Cursor<Layout<N>::R::kStages> at = me.at;
  const int2 units = share_of(split);
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
    finish_tile<T, N, Order::kNatural, kConsumerGroups>(
        call, blockIdx.x, unit, stop, me.group, me.thread, sums, &me.notes->flags[me.group]);
    unit = stop;
  }
  me.at = at;
}

template <class T, int N, int D>
__device__ __forceinline__ void attend_share(const Consumer<N>& me, const DecodeCall& call, uint8_t* room,
                                             const uint32_t* counter, uint32_t arrivals) {
  constexpr int kParts = Layout<N>::kAttendGroups;
  // The blocks before are waited for within: pairs that were there before them come meanwhile.
  const auto ready = [&] {
    if (me.thread == 0) wait_for_blocks(counter, arrivals);
    ptx::block_barrier(1 + me.group, kGroupThreads);
  };
  if (me.group >= kParts) return ready();
  const int kv_heads = call.args.kv_heads;
  const int32_t blocks = int32_t(gridDim.x) * kParts / kv_heads;  // of a kv head
  const int32_t block = int32_t(blockIdx.x) * kParts + me.group;
  if (block >= blocks * kv_heads) return ready();
  auto& shared =
      *reinterpret_cast<AttendShared<D, kAttendTiles>*>(room + me.group * Layout<N>::kAttend);
  const int barrier = 1 + me.group;
  attend_pieces<T>(call, shared, {block / kv_heads, blocks, block % kv_heads}, me.thread,
                   [&] { ptx::block_barrier(barrier, kGroupThreads); }, ready);
}

// Rows of `width` elements, Count a thread at a time, over all consumers of all blocks.
template <int Count, class Body>
__device__ __forceinline__ void over_elements(int32_t m, int32_t width, Body body) {
  const int32_t packs = width / Count, all = m * packs;
  // Successive warps of items go to successive blocks: few items are spread over many multiprocessors.
  const int32_t warp = threadIdx.x / 32 * gridDim.x + blockIdx.x;
  for (int32_t i = warp * 32 + threadIdx.x % 32; i < all; i += gridDim.x * kConsumers) {
    body(i / packs, i % packs * Count);
  }
}

// The same for the warps.
template <class Body>
__device__ __forceinline__ void over_warps(int32_t count, Body body) {
  constexpr int kWarps = kConsumers / 32;
  for (int32_t i = threadIdx.x / 32 * gridDim.x + blockIdx.x; i < count; i += gridDim.x * kWarps) body(i);
}

// A sum of squares, and which use of its place it belongs to: written and read at once, so that it needs no
// barrier around it.
__device__ __forceinline__ void post(uint2* place, float value, uint32_t epoch) {
  asm volatile("st.relaxed.gpu.global.v2.u32 [%0], {%1, %2};" ::"l"(place), "r"(__float_as_uint(value)),
               "r"(epoch)
               : "memory");
}
__device__ __forceinline__ float await(const uint2* place, uint32_t epoch) {
  uint32_t value, seen;
  do {
    asm volatile("ld.relaxed.gpu.global.v2.u32 {%0, %1}, [%2];"
                 : "=r"(value), "=r"(seen)
                 : "l"(place)
                 : "memory");
  } while (seen != epoch);
  return __uint_as_float(value);
}

// The first half of a norm: a warp's chunk of a row, with the product before added in memory too.
template <class T>
__device__ __forceinline__ Pack<float, 4> square_chunk(const RowsCall& call, const TileParts* tiles,
                                                       int32_t row, int32_t chunk, uint32_t epoch) {
  const int32_t j = chunk * kNormChunk + int32_t(threadIdx.x % 32) * 4;
  Pack<float, 4> x = {};
  if (j < call.width) {
    float* const at = call.x + int64_t(row) * call.width + j;
    x = load<float, 4>(at);
    if (call.parts.sums) {
      Pack<float, 4> sums[1] = {};
      add_parts<1, 4>(sums, call.parts, tiles, {row}, {j});
      add_bias<T>(sums[0], call.parts, j);
#pragma unroll
      for (int e = 0; e < 4; ++e) x.e[e] = __fadd_rn(x.e[e], sums[0].e[e]);
      store(at, x);
    }
  }
  const float squares = chunk_squares(x);
  if (threadIdx.x % 32 == 0) post(call.squares + row * chunks_of_row(call.width) + chunk, squares, epoch);
  return x;
}

// The second half, once the sums of the other chunks are there.
template <class T>
__device__ __forceinline__ void norm_chunk(const RowsCall& call, int32_t row, int32_t chunk,
                                           const Pack<float, 4>& x, uint32_t epoch) {
  const int32_t chunks = chunks_of_row(call.width), lane = threadIdx.x % 32;
  const int32_t j = chunk * kNormChunk + lane * 4;
  Pack<T, 4> weight = {};
  if (j < call.width) weight = load<T, 4>(static_cast<const T*>(call.weight) + j);
  float mine = 0;
  for (int32_t c = lane; c < chunks; c += 32) mine += await(call.squares + row * chunks + c, epoch);
  const float scale = norm_scale(mine, call.width, call.eps);
  if (j < call.width) {
    store(static_cast<T*>(call.out) + int64_t(row) * call.out_stride + j, scaled(x, scale, weight));
  }
}

// A warp's chunks: first the squares of all of them, as other warps wait for these.
template <class T>
__device__ __forceinline__ void norm_share(const RowsCall& call, const TileParts* tiles, uint32_t epoch) {
  constexpr int kHeld = 2;  // chunks that stay in registers in between
  const int32_t chunks = chunks_of_row(call.width), all = call.m * chunks;
  const int32_t step = gridDim.x * (kConsumers / 32), begin = threadIdx.x / 32 * gridDim.x + blockIdx.x;
  Pack<float, 4> held[kHeld] = {};
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    const int32_t i = begin + h * step;
    if (i < all) held[h] = square_chunk<T>(call, tiles, i / chunks, i % chunks, epoch);
  }
  for (int32_t i = begin + kHeld * step; i < all; i += step) {
    square_chunk<T>(call, tiles, i / chunks, i % chunks, epoch);
  }
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    const int32_t i = begin + h * step;
    if (i < all) norm_chunk<T>(call, i / chunks, i % chunks, held[h], epoch);
  }
  for (int32_t i = begin + kHeld * step; i < all; i += step) {
    const int32_t row = i / chunks, j = i % chunks * kNormChunk + int32_t(threadIdx.x % 32) * 4;
    Pack<float, 4> x = {};
    if (j < call.width) x = load<float, 4>(call.x + int64_t(row) * call.width + j);
    norm_chunk<T>(call, row, i % chunks, x, epoch);
  }
}

// A lane's part of a head, from qkv or from the parts of the product that gives it.
template <class T>
__device__ __forceinline__ HeadPart<T, 2, 1> fetch_head(const RopeCall& call, const TileParts* tiles,
                                                        int32_t head, int32_t row) {
  const RopeKv& rope = call.rope;
  const int32_t d = rope.head_dim, lane = threadIdx.x % 32, half = d / 2;
  T* const in = static_cast<T*>(rope.qkv) +
                (row * (int64_t(rope.heads) + 2 * int64_t(rope.kv_heads)) + head) * d;
  HeadPart<T, 2, 1> part;
  if (call.parts.sums == nullptr) {
    part.fetch(in, d);
  } else if (2 * lane < half) {
    const int32_t low = head * d + 2 * lane, high = low + half;
    Pack<float, 2> sums[2] = {};
    add_parts<2, 2>(sums, call.parts, tiles, {row, row}, {low, high});
    part.low[0] = rounded<T>(sums[0], call.parts, low);
    part.high[0] = rounded<T>(sums[1], call.parts, high);
    if (head >= rope.heads) part.keep(in, d);
  }
  return part;
}

// The gated activation; a thread takes kTogether packs at a time, so that more loads are on their way.
template <class T, int kTogether>
__device__ __forceinline__ void activate(const SiluCall& call, const TileParts* tiles) {
  const int32_t packs = call.n / 4, all = call.m * packs, stride = gridDim.x * kConsumers;
  const int32_t begin = (threadIdx.x / 32 * gridDim.x + blockIdx.x) * 32 + threadIdx.x % 32;
  for (int32_t first = begin; first < all; first += kTogether * stride) {
    int32_t rows[2 * kTogether], outputs[2 * kTogether];  // of gates, then of ups
#pragma unroll
    for (int i = 0; i < kTogether; ++i) {
      const int32_t item = first + i * stride < all ? first + i * stride : first;
      rows[i] = rows[kTogether + i] = item / packs;
      outputs[i] = item % packs * 4;
      outputs[kTogether + i] = call.n + outputs[i];
    }
    Pack<T, 4> x[2 * kTogether];
    const auto at = [&](int i) {
      return static_cast<T*>(call.x) + int64_t(rows[i]) * 2 * call.n + outputs[i];
    };
    if (call.parts.sums) {
      Pack<float, 4> sums[2 * kTogether] = {};
      add_parts<2 * kTogether, 4>(sums, call.parts, tiles, rows, outputs);
#pragma unroll
      for (int i = 0; i < 2 * kTogether; ++i) {
        x[i] = rounded<T>(sums[i], call.parts, outputs[i]);
        store(at(i), x[i]);
      }
    } else {
#pragma unroll
      for (int i = 0; i < 2 * kTogether; ++i) x[i] = load<T, 4>(at(i));
    }
#pragma unroll
    for (int i = 0; i < kTogether; ++i) {
      store(static_cast<T*>(call.out) + int64_t(rows[i]) * call.n + outputs[i],
            silu_mul(x[i], x[kTogether + i]));
    }
  }
}

template <class T, int N>
__device__ __forceinline__ void run_op(Consumer<N>& me, const Instruction& op, uint8_t* attend_room,
                                       const uint32_t* counter, uint32_t arrivals, uint32_t epoch) {
  // What does not depend on the ops before comes first; wait() stands where that ends.
  const auto wait = [&] {
    if (threadIdx.x == 0) wait_for_blocks(counter, arrivals);
    all_consumers();
  };
  switch (op.kind) {
    case Kind::kW4a16:
      wait();
      if constexpr (N <= 16) {
        return multiply_few<T, N>(me, op.as<ProductCall>());
      } else {
        return multiply_many<T, N>(me, op.as<ProductCall>());
      }
    case Kind::kF16:
      wait();
      return multiply_f16<T, N>(me, op.as<ProductCall>().product);
    case Kind::kNorm: {
      const RowsCall& call = op.as<RowsCall>();
      list_parts(me.notes->tiles, call.parts, kConsumers);
      wait();
      return norm_share<T>(call, me.notes->tiles, epoch);
    }
    case Kind::kConvert: {
      const RowsCall& call = op.as<RowsCall>();
      wait();
      return over_elements<4>(call.m, call.width, [&](int32_t row, int32_t j) {
        convert_pack<T, 4>(static_cast<T*>(call.out) + int64_t(row) * call.out_stride + j,
                           call.x + int64_t(row) * call.width + j);
      });
    }
    case Kind::kRope: {
      const RopeCall& call = op.as<RopeCall>();
      const int32_t heads = call.rope.heads + 2 * call.rope.kv_heads;
      const int64_t length = call.rope.cache_length[0];
      list_parts(me.notes->tiles, call.parts, kConsumers);
      wait();
      return over_warps(call.rope.m * heads, [&](int32_t i) {
        const int32_t row = i / heads, head = i % heads;
        rope_head<T, 2, 1>(call.rope, length, head, row,
                           [&] { return fetch_head<T>(call, me.notes->tiles, head, row); });
      });
    }
    case Kind::kAttend: {
      const DecodeCall& call = op.as<DecodeCall>();
      return call.args.head_dim <= 64
                 ? attend_share<T, N, 64>(me, call, attend_room, counter, arrivals)
                 : attend_share<T, N, 128>(me, call, attend_room, counter, arrivals);
    }
    case Kind::kMerge: {
      const DecodeCall& call = op.as<DecodeCall>();
      const int32_t heads = call.args.heads;
      wait();
      return over_warps(call.args.m * heads,
                        [&](int32_t i) { merge_pieces<T>(call, i % heads, i / heads); });
    }
    case Kind::kSilu: {
      const SiluCall& call = op.as<SiluCall>();
      list_parts(me.notes->tiles, call.parts, kConsumers);
      wait();
      return call.m * (call.n / 4) <= int32_t(gridDim.x * kConsumers)
                 ? activate<T, 1>(call, me.notes->tiles)
                 : activate<T, 2>(call, me.notes->tiles);
    }
  }
}

template <class T, int N>
__device__ __forceinline__ void consume(Consumer<N>& me, const Instruction* program, int count,
                                        uint32_t* counter, uint8_t* attend_room) {
  // Instructions of launches before this one: the last block to end counts, when all have long read it.
  const uint32_t epoch = *static_cast<volatile uint32_t*>(counter + 1) + 1;
  // Instructions come two ops ahead.
  const auto note = [&](int i) {
    if (i < count && threadIdx.x < kInstructionHead / 16) {
      ptx::copy16(ptx::shared_address(me.notes->instructions[i % 3]) + threadIdx.x * 16,
                  reinterpret_cast<const uint8_t*>(program + i) + threadIdx.x * 16, 16);
    }
    ptx::commit_copies();
  };
  note(0);
  note(1);
  ptx::wait_copies<1>();
  all_consumers();
  for (int i = 0; i < count; ++i) {
    note(i + 2);
    run_op<T, N>(me, *reinterpret_cast<const Instruction*>(me.notes->instructions[i % 3]), attend_room,
                 counter, uint32_t(i) * gridDim.x, epoch + uint32_t(i));
    ptx::wait_copies<1>();
    all_consumers();
    if (threadIdx.x > 0) continue;
    if (i + 1 < count) {
      ptx::add_release(counter);
    } else if (ptx::add_acquire_release(counter) == uint32_t(count) * gridDim.x - 1) {
      *counter = 0;  // as it was: the last block has ended, none waits any more
      counter[1] += count;
    }
  }
}

template <class T, int N>
__global__ void __launch_bounds__(kThreads, 1)
    forward_kernel(const Instruction* program, int32_t count, uint32_t* counter) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using L = Layout<N>;
  using R = typename L::R;
  extern __shared__ __align__(1024) uint8_t shared[];
  const R ring{ptx::shared_address(shared)};
  uint8_t* const attend_room = shared + R::kBytes;
  Notes* const notes = reinterpret_cast<Notes*>(attend_room + L::kAttendGroups * L::kAttend);
  const uint32_t rows_here = ptx::shared_address(notes->rows_here);
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < R::kStages; ++stage) ptx::barrier_init(rows_here + 8 * stage, 1);
    ring.init(kConsumers);
  }
  __syncthreads();
  let_next_start();
  if (threadIdx.x >= kConsumers) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (threadIdx.x == kConsumers) feed_weights(ring, program, count);
    if (threadIdx.x == kConsumers + 32) {
      wait_for_previous();
      feed_rows<N>(ring, program, count, counter, rows_here);
    }
    return;
  }
  asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
  wait_for_previous();
  Consumer<N> me{ring, shared, notes, {}, int(threadIdx.x) / kGroupThreads, int(threadIdx.x) % kGroupThreads};
  consume<T, N>(me, program, count, counter, attend_room);
#endif
}

template <int N>
int32_t launch_program(smq_context* ctx, const Program& program, uint32_t* counter) {
  const auto kernel = program.dtype == SMQ_F16 ? forward_kernel<__half, N> : forward_kernel<__nv_bfloat16, N>;
  cudaError_t error = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                           cudaFuncAttributeMaxDynamicSharedMemorySize, Layout<N>::kBytes);
  if (error != cudaSuccess) return cuda_status(ctx, error, "a forward");
  // Blocks wait for each other: all or none of them must be on the device, whatever else runs there.
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeCooperative;
  attribute.val.cooperative = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = ctx->sms;
  config.blockDim = kThreads;
  config.dynamicSmemBytes = Layout<N>::kBytes;
  config.stream = ctx->stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  error = cudaLaunchKernelEx(&config, kernel, program.instructions, program.count, counter);
  return error == cudaSuccess ? launched(ctx, "a forward") : cuda_status(ctx, error, "a forward");
}

}  // namespace forward
}  // namespace smq

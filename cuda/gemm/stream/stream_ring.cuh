// The ring of shared memory between the threads that copy and the warps that compute (sm_90): stages of a weight
// unit and the rows' inputs for it.
//
// Who may touch a stage. Two threads of different warps fill it, each its own part of it, and both take the stages
// in the same order, step by step; the computing warps take them in that order too. A stage has three barriers:
//   weights_in  one arrival, of the weights' thread, and the bytes of the unit;
//   rows_in     one arrival, of the rows' thread, and the bytes of the rows' inputs;
//   empty       one arrival of each computing warp, once all it wanted of both parts has come.
// Phase i of each belongs to the i-th use of the stage. Both copying threads wait for phase i - 1 of `empty` before
// they arm their barrier for use i and copy, so neither writes what a warp still reads. A computing warp waits for
// phase i of weights_in and of rows_in before it reads, so `empty` ends its phase i only after both threads have
// armed theirs: no thread ever falls two phases behind a barrier that it waits for, and a parity tells phases
// apart. The threads may be any number of steps apart within the ring; neither waits for the other.
//
// When a warp has what it wanted. An arrival behind a load does not wait for the load: the machine code has the
// arrival while loads of the stage are under way, and rows come from the second cache, quickly. So a warp gives a
// stage back one step late, once the next one is full: by then it has multiplied what it loaded.
//
// What is under way. The weights' thread waits for no earlier kernel, as weights depend on none, but all that it
// asks for stands in the memory's queue, and every load and store of the kernels before this one behind it
// (docs/adr/0020). So it has one number of units under way at most while they run (Pace::before), and another
// once they have ended, which it learns from the rows' thread by a fourth barrier, `alone`. Before it copies unit s
// it waits for weights_in of unit s - pace. The use of its stage that this unit had is the newest one, as pace
// <= stages, so the parity is right; a larger pace would wait for a phase that has been passed, for ever.
//
// The rows' thread waits for the kernels before, and the ring fills with weights meanwhile. The computing warps wait
// for them too, since what they read and write outside of the ring is written or read by those kernels. A copying
// thread may leave while its copies are under way: the warps that wait for them keep the block.
//
// The first stage's rows, of up to 16. Warps of their own copy them (feed_first_rows), as that is quicker than the copy
// engine's first copy behind a wait: phase 0 of that rows_in is an arrival of each of their threads, without bytes. The rows'
// thread begins with the second stage, and arrives for all of them when it comes to the first one again.
//
// Whole stages. A product of a prompt waits for the kernels before it as a whole, so one thread copies both parts, and both
// end on one barrier, `full`: one arrival, and the bytes of both. It stands in weights_in's place; rows_in, alone and
// spare are not used, and phases are told apart as above.
#pragma once

#include "gemm/ptx.cuh"
#include "gemm/stream/split.cuh"

namespace smq {

// Shared memory of a multiprocessor, and nearly all of it: what is left is for the small kernels before and behind.
// Two blocks never fit: the next product's may start when some multiprocessors are free and others not yet.
constexpr int kWholeShared = 232448, kMostShared = 212992;
// The same for up to 16 rows: attention of one row (kOneShared) or a few starts beside the product before it, and the
// product behind it beside attention. Of four-bit weights and up to 8 rows with two chunks of pairs under way.
constexpr int kFewShared = 176128, kEightShared = 151936;
constexpr int kMostStages = 12, kStageBarriers = 24;  // bytes of a stage's barriers
constexpr int kRowsIn = 8, kEmpty = 16;  // where they lie behind weights_in
constexpr int kRingExtra = kMostStages * kStageBarriers + 32;

// Stages of Rows bytes of inputs and Unit bytes of weights.
template <int Stages, int Rows, int Unit>
struct Ring {
  static_assert(Rows % 1024 == 0, "the copy engine's swizzle repeats each 1024 bytes");
  static_assert(Stages >= 3 && Stages <= kMostStages, "a ring of 3 to 12 stages hides a copy");
  static constexpr int kStages = Stages, kRows = Rows, kUnit = Unit;
  static constexpr int kBytes = Stages * (Rows + Unit) + kRingExtra;
  uint32_t base;

  __device__ uint32_t rows(int stage) const { return base + stage * Rows; }
  __device__ uint32_t unit(int stage) const { return base + Stages * Rows + stage * Unit; }
  __device__ uint32_t weights_in(int stage) const {
    return base + Stages * (Rows + Unit) + stage * kStageBarriers;
  }
  __device__ uint32_t rows_in(int stage) const { return weights_in(stage) + kRowsIn; }
  __device__ uint32_t empty(int stage) const { return weights_in(stage) + kEmpty; }
  __device__ uint32_t full(int stage) const { return weights_in(stage); }  // of whole stages

  __device__ uint32_t alone() const { return base + Stages * (Rows + Unit) + kRingExtra - 32; }
  // Nobody waits for it: a warp gives back here what it has not had before its first stage.
  __device__ uint32_t spare() const { return alone() + 8; }
  // Of whole stages, once: one arrival, and the bytes that another block sends.
  __device__ uint32_t told() const { return alone() + 16; }

  // feeders: threads that feed the first stage's rows, 0 if that is the rows' thread.
  __device__ void init(int consumers, int feeders) const {
    ptx::barrier_init(alone(), 1);
    ptx::barrier_init(spare(), consumers / 32);
    for (int stage = 0; stage < Stages; ++stage) {
      ptx::barrier_init(weights_in(stage), 1);
      ptx::barrier_init(rows_in(stage), stage == 0 && feeders > 0 ? feeders : 1);
      ptx::barrier_init(empty(stage), consumers / 32);
    }
    ptx::barrier_init_fence();
  }
  // Of whole stages: so many arrivals give one back.
  __device__ void init_whole(int arrivals) const {
    ptx::barrier_init(told(), 1);
    for (int stage = 0; stage < Stages; ++stage) {
      ptx::barrier_init(full(stage), 1);
      ptx::barrier_init(empty(stage), arrivals);
    }
    ptx::barrier_init_fence();
  }
  // Of a computing warp, before it reads a stage.
  __device__ __forceinline__ void wait_full(int stage, int parity) const {
    ptx::barrier_wait(weights_in(stage), rows_in(stage), parity);
  }
};

// The stages of a ring: as many as fit, of units and rows of so many bytes.
constexpr int stages_for(int rows, int unit, int most = kMostShared) {
  const int fit = (most - kRingExtra) / (rows + unit);
  return fit < kMostStages ? fit : kMostStages;
}

// A place in the ring.
template <int Stages>
struct Cursor {
  int stage = 0, parity = 0;
  __device__ void next() {
    if (++stage == Stages) stage = 0, parity ^= 1;
  }
};

// What the weights' thread does before its block meets: the barriers, and the first of `count` steps. Where the block could
// not start before the kernels before had ended, everyone waits for that one.
template <int Feeders, class R, class Copy>
__device__ __forceinline__ void begin_ring(const R& ring, int consumers, int count, Copy copy) {
  ring.init(consumers, Feeders);
  if (count == 0) return;
  ptx::barrier_expect(ring.weights_in(0), R::kUnit);
  copy(0, 0);
}

// The whole work of the weights' thread behind that, up to `count` steps: copy(stage, step) starts a copy that ends on
// weights_in(stage).
template <class R, class Copy>
__device__ __forceinline__ void feed_weights(const R& ring, int count, Pace pace, Copy copy) {
  Cursor<R::kStages> at, landed;  // the next unit, and the first that may be under way
  at.next();
  int under_way = 1;
  bool alone = false;
  const int most = pace.behind < R::kStages ? pace.behind : R::kStages;
  const int fewer = pace.before < most ? pace.before : most;
#pragma unroll 1
  for (int step = 1; step < count; ++step) {
    ptx::barrier_wait(ring.empty(at.stage), at.parity ^ 1);  // at once in a stage's first use
    alone = alone || ptx::barrier_test(ring.alone(), 0);
    for (; under_way >= (alone ? most : fewer); --under_way) {
      ptx::barrier_wait(ring.weights_in(landed.stage), landed.parity);
      landed.next();
    }
    ptx::barrier_expect(ring.weights_in(at.stage), R::kUnit);
    copy(at.stage, step);
    at.next();
    ++under_way;
  }
}

// Of blocks that start early (those with low numbers): has the second cache bring the first unit of one that will not, as a
// small kernel's block still has the registers that it needs. Weights lie unit by unit from `w` on.
template <int Unit>
__device__ __forceinline__ void touch_late(const Split& split, int worker, const void* w) {
  const int late = split.workers - 1 - worker;
  if (worker >= late) return;
  const uint8_t* const unit = static_cast<const uint8_t*>(w) + int64_t(split.begin(late)) * Unit;
  asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(unit), "n"(Unit) : "memory");
}

// The whole work of the rows' thread: copy(stage, step) starts copies by `map` that end on rows_in(stage). The first stage is
// fed by so many other threads, if any (feed_first_rows).
template <int Feeders, class R, class Copy>
__device__ __forceinline__ void feed_rows(const R& ring, const CUtensorMap* map, int count, Copy copy) {
  // Or the first copy waits for it.
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
  wait_for_previous();
  ptx::barrier_arrive(ring.alone());
  Cursor<R::kStages> at;
#pragma unroll 1
  for (int step = 0; step < count; ++step) {
    if (Feeders == 0 || step > 0) {
      ptx::barrier_wait(ring.empty(at.stage), at.parity ^ 1);
      ptx::barrier_expect(ring.rows_in(at.stage), R::kRows);
      if (Feeders > 0 && at.stage == 0) ptx::barrier_arrive(ring.rows_in(0), Feeders - 1);
      copy(at.stage, step);
    }
    at.next();
  }
}

// The work of N / 8 warps for the rows of the first stage: inputs from byte `from` on of x [m][width bytes], as copies by a map
// would leave them. The copy engine takes longer for its first copy, which each product would wait for. These threads have
// few registers: what they load goes past those. For wgmma what threads wrote has to be told to the engine that reads it.
template <int N, bool ForWgmma = false, class R>
__device__ __forceinline__ void feed_first_rows(const R& ring, int warp, const void* x, int32_t m, int32_t width,
                                                int32_t from) {
  constexpr int kRow = R::kRows / N, kChunks = kRow / 16;  // chunks of 16 bytes, of a row
  constexpr int kEach = 8 * kChunks / 32, kApart = 32 / kChunks;  // chunks of a thread, and rows from one to the next
  const int lane = threadIdx.x % 32, chunk = lane % kChunks, row = warp * 8 + lane / kChunks;
  const uint32_t first = ring.rows(0) + chunk / 8 * (N * 128) + row * 128 + ((chunk % 8 ^ row % 8) << 4);
  const int32_t rows = from + chunk * 16 < width ? m - row : 0;
  const uint8_t* source[kEach];
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    const int64_t at = int64_t(row + i * kApart) * width + from + chunk * 16;
    source[i] = static_cast<const uint8_t*>(x) + (i * kApart < rows ? at : 0);
    ptx::held_here(source[i]);
  }
  wait_for_previous();
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    ptx::copy16((first ^ (i * kApart << 4)) + i * kApart * 128, source[i], i * kApart < rows ? 16 : 0);
  }
  if constexpr (ForWgmma) {
    ptx::commit_copies();
    ptx::wait_copies<0>();
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    ptx::barrier_arrive(ring.rows_in(0));
  } else {
    ptx::barrier_arrive_copied(ring.rows_in(0));
  }
}

}  // namespace smq

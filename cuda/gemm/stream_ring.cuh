// The ring of shared memory between the warp that copies and the warps that compute (sm_90): stages
// of a weight unit and the rows' inputs for it, each with a barrier for "full" and one for "empty".
#pragma once

#include "gemm/ptx.cuh"

namespace smq {

// Shared memory of a multiprocessor, and nearly all of it: what is left is for the small kernels before and behind.
// Two blocks never fit: the next product's may start when some multiprocessors are free and others not yet.
constexpr int kWholeShared = 232448, kMostShared = 212992, kRingExtra = 256;

// Stages of Rows bytes of inputs and Unit bytes of weights.
template <int Stages, int Rows, int Unit>
struct Ring {
  static_assert(Rows % 1024 == 0, "the copy engine's swizzle repeats each 1024 bytes");
  static constexpr int kStages = Stages, kRows = Rows, kUnit = Unit;
  static constexpr int kBytes = Stages * (Rows + Unit) + kRingExtra;
  uint32_t base;

  __device__ uint32_t rows(int stage) const { return base + stage * Rows; }
  __device__ uint32_t unit(int stage) const { return base + Stages * Rows + stage * Unit; }
  __device__ uint32_t full(int stage) const { return base + Stages * (Rows + Unit) + stage * 16; }
  __device__ uint32_t empty(int stage) const { return full(stage) + 8; }

  __device__ void init(int consumers) const {
    for (int stage = 0; stage < Stages; ++stage) {
      ptx::barrier_init(full(stage), 1);
      ptx::barrier_init(empty(stage), consumers / 32);
    }
    ptx::barrier_init_fence();
  }
};

// A place in the ring.
template <int Stages>
struct Cursor {
  int stage = 0, parity = 0;
  __device__ void next() {
    if (++stage == Stages) stage = 0, parity ^= 1;
  }
};

// The copying thread's whole work: fills stages for `count` steps. weights(stage, step) and
// rows(stage, step) start copies that end on full(stage). Weights never depend on earlier kernels, so
// the ring fills up with them before the wait.
template <class R, class Weights, class Rows>
__device__ __forceinline__ void feed(const R& ring, int count, Weights weights, Rows rows) {
  Cursor<R::kStages> at;
  const int ahead = count < R::kStages ? count : R::kStages;
  for (int step = 0; step < ahead; ++step) {
    ptx::barrier_expect(ring.full(step), R::kRows + R::kUnit);
    weights(step, step);
  }
  wait_for_previous();
  for (int step = 0; step < ahead; ++step) {
    rows(step, step);
    at.next();
  }
  for (int step = ahead; step < count; ++step) {
    ptx::barrier_wait(ring.empty(at.stage), at.parity ^ 1);
    ptx::barrier_expect(ring.full(at.stage), R::kRows + R::kUnit);
    weights(at.stage, step);
    rows(at.stage, step);
    at.next();
  }
}

}  // namespace smq

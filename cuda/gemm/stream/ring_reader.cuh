// Where a computing warp is in a product's ring (stream_ring.cuh). What it does beside multiplying is a fifth of the
// instructions of few rows, and two to four warps share a scheduler, so it is kept short (docs/adr/0056): addresses run
// along from stage to stage, a stage is given back without a branch, and the next one can be asked for ahead of time. One
// lane gives back for its warp; racecheck, which takes an arrival to be behind what its own lane did alone, reports that for
// eight-bit weights, and finds nothing where all lanes give back.
#pragma once

#include "gemm/stream/stream_ring.cuh"

namespace smq {

// Kept: the base of shared memory is held in a register. The assembler works it out again for each stage otherwise, in
// registers that the descriptors of the last multiplications must have left first, and the next stage waits for that.
template <class R, bool Kept = false>
struct Reader {
  R ring;
  uint32_t barriers, rows, unit;  // of this stage
  uint32_t parity = 0;
  uint32_t before;     // where the stage before is given back
  uint32_t leads;      // whether this thread speaks for its warp
  bool full = false;   // whether this stage is known to be

  __device__ __forceinline__ explicit Reader(const R& of)
      : ring{Kept ? ptx::kept(of.base) : of.base}, barriers(ring.weights_in(0)), rows(ring.rows(0)), unit(ring.unit(0)),
        before(ring.spare()), leads(threadIdx.x % 32 == 0) {
    ptx::known_here(leads);
  }

  // Waits until this stage is full, then gives back the one before, all of which has been multiplied.
  __device__ __forceinline__ void wait() {
    if (!full) ptx::barrier_wait(barriers, barriers + kRowsIn, parity);
    full = false;
    __syncwarp();
    ptx::barrier_arrive_if(leads, before);
    before = barriers + kEmpty;
  }
  // Asks for the next stage while this one is multiplied, so that a full ring is never waited for.
  __device__ __forceinline__ void ask() {
    const uint32_t next = is_last() ? ring.weights_in(0) : barriers + kStageBarriers;
    full = ptx::barrier_test(next, next + kRowsIn, parity ^ uint32_t(is_last()));
  }
  __device__ __forceinline__ void next() {
    const bool last = is_last();
    barriers = last ? ring.weights_in(0) : barriers + kStageBarriers;
    rows = last ? ring.rows(0) : rows + R::kRows;
    unit = last ? ring.unit(0) : unit + R::kUnit;
    parity ^= uint32_t(last);
  }

 private:
  __device__ __forceinline__ bool is_last() const { return barriers == ring.weights_in(R::kStages - 1); }
};

}  // namespace smq

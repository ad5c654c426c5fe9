// Blocks that share a row and wait for one another, on every device: no clusters.
#pragma once

#include <cstdint>

namespace smq {

// The place of a block by the order in which blocks start, for kernels whose blocks wait for one another: those that
// wait for a block that has not started hold fewer slots than a row has blocks, so the device, which holds more, gets
// to start it. `ticket` is zero before and after the kernel. Called by all threads.
__device__ __forceinline__ uint32_t place_by_start(uint32_t* ticket, uint32_t places) {
  __shared__ uint32_t place;
  if (threadIdx.x == 0) place = atomicInc(ticket, places - 1);
  __syncthreads();
  return place;
}

// The `count` blocks of a row. `arrived` is zero before, and after the last block has left.
struct RowBlocks {
  uint32_t* arrived;
  uint32_t count;
  uint32_t meetings;

  // Waits for the others: what they wrote or counted in global memory before is seen behind by reads past the
  // first-level cache. Called by all threads.
  __device__ __forceinline__ void meet() {
    ++meetings;
    __syncthreads();
    if (threadIdx.x == 0) {
      __threadfence();
      atomicAdd(arrived, 1);
      uint32_t seen;
      do {
        asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(arrived) : "memory");
      } while (seen < meetings * count);
    }
    __syncthreads();
  }

  // Whether all others have left before this block, which then sees what they wrote. Called by all threads.
  __device__ __forceinline__ bool leave_last() {
    __shared__ bool last;
    __syncthreads();
    if (threadIdx.x == 0) {
      __threadfence();
      last = atomicAdd(arrived, 1) == (meetings + 1) * count - 1;
      if (last) *arrived = 0;
      __threadfence();
    }
    __syncthreads();
    return last;
  }
};

}  // namespace smq

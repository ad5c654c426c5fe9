// What the kernels of attention that stream pairs through a ring of shared memory by wgmma (sm_90a) have in common.
#pragma once

#include <cstdint>

namespace smq {

// What all lanes of a warp hold, as a number that the compiler knows to be the same.
__device__ __forceinline__ uint32_t first_lane(uint32_t value) { return __shfl_sync(~0u, value, 0); }

// A place in the ring.
struct RingPlace {
  int stage = 0, parity = 0;
  __device__ __forceinline__ void next(int stages) {
    if (++stage == stages) stage = 0, parity ^= 1;
  }
};

}  // namespace smq

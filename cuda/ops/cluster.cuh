// What blocks of a cluster tell each other (sm_90): words into each other's shared memory, where a barrier counts their
// bytes. No fence, which would wait for stores to global memory.
#pragma once

#include <cstdint>

#include "gemm/ptx.cuh"

namespace smq {

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

// Once every block of the cluster has arrived, all have begun, and their barriers can be used. Nothing else is told
// by it: a release would wait for stores to global memory.
__device__ __forceinline__ void cluster_arrive() {
  asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
}
__device__ __forceinline__ void cluster_wait() {
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// All warps of all blocks are here that have not ended, and none reads any more what it read before.
__device__ __forceinline__ void cluster_meet() {
  asm volatile("barrier.cluster.arrive.release.aligned;\n\tbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// The same place in the shared memory of another block of the cluster.
__device__ __forceinline__ uint32_t address_in(int block, uint32_t shared) {
  uint32_t there;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(shared), "r"(block));
  return there;
}

// Writes to the same place of another block, whose barrier hears of the bytes. Nobody leaves before all that others
// write to it has come.
__device__ __forceinline__ void tell(int block, uint32_t to, uint32_t value, uint32_t barrier) {
  asm volatile("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.b32 [%0], %1, [%2];" ::"r"(
                   address_in(block, to)),
               "r"(value), "r"(address_in(block, barrier))
               : "memory");
}
__device__ __forceinline__ void tell(int block, uint32_t to, float value, uint32_t barrier) {
  tell(block, to, __float_as_uint(value), barrier);
}
// Two neighbours, at a multiple of eight bytes.
__device__ __forceinline__ void tell(int block, uint32_t to, float first, float second, uint32_t barrier) {
  asm volatile("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v2.b32 [%0], {%1, %2}, [%3];" ::"r"(
                   address_in(block, to)),
               "r"(__float_as_uint(first)), "r"(__float_as_uint(second)), "r"(address_in(block, barrier))
               : "memory");
}
// Four words, at a multiple of sixteen bytes; `to` and `barrier` are addresses in another block.
__device__ __forceinline__ void tell_there(uint32_t to, const uint4& value, uint32_t barrier) {
  asm volatile("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%0], {%1, %2, %3, %4}, [%5];" ::"r"(to),
               "r"(value.x), "r"(value.y), "r"(value.z), "r"(value.w), "r"(barrier)
               : "memory");
}
__device__ __forceinline__ void tell(int block, uint32_t to, const uint4& value, uint32_t barrier) {
  tell_there(address_in(block, to), value, address_in(block, barrier));
}

#endif

}  // namespace smq

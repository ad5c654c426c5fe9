// Division by a number known at launch: a division costs about 150 cycles, and kernels of few rows are bound by latency.
#pragma once

#include <cstdint>

namespace smq {

// Exact while numerator * divisor < 2^32.
struct Divisor {
  uint32_t divisor = 1, magic = 0;

  Divisor() = default;
  explicit Divisor(int32_t d)
      : divisor(uint32_t(d)), magic(uint32_t(((uint64_t(1) << 32) + uint32_t(d) - 1) / uint32_t(d))) {}

  __host__ __device__ __forceinline__ int32_t quotient(int32_t n) const {
#ifdef __CUDA_ARCH__
    return divisor == 1 ? n : int32_t(__umulhi(uint32_t(n), magic));
#else
    return divisor == 1 ? n : int32_t(uint32_t(uint64_t(uint32_t(n)) * magic >> 32));
#endif
  }
};

}  // namespace smq

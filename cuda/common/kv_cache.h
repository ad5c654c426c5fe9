// How a KV cache lies in memory; see SMQ_CACHE_ALIGNMENT in specmquant.h.
#pragma once

#include <cstdint>

#include "specmquant.h"

#ifdef __CUDACC__
#define SMQ_EVERYWHERE __host__ __device__
#else
#define SMQ_EVERYWHERE
#endif

namespace smq {

// Bytes of a slot.
SMQ_EVERYWHERE constexpr int64_t cache_row_bytes(int32_t kv_heads, int32_t head_dim, int32_t cache) {
  const int64_t elements = int64_t(kv_heads) * head_dim;
  if (cache != SMQ_I8) return 2 * elements;
  const int64_t bytes = elements + 2 * int64_t(kv_heads);
  return (bytes + SMQ_CACHE_ALIGNMENT - 1) / SMQ_CACHE_ALIGNMENT * SMQ_CACHE_ALIGNMENT;
}

}  // namespace smq

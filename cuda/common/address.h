// Device addresses as pointers.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define SMQ_ANYWHERE __host__ __device__
#else
#define SMQ_ANYWHERE
#endif

namespace smq {

// Of the twin, a device address is a host address.
template <class T>
SMQ_ANYWHERE T* at(uint64_t address) {
  return reinterpret_cast<T*>(address);
}

}  // namespace smq

// The kernels in plain C++.
#include "kernel_table.h"
#include "simd/plain.h"

namespace smq {

const Kernels& plain_kernels() {
  static constexpr Kernels table = kernel_table<Plain>("plain");
  return table;
}

}  // namespace smq

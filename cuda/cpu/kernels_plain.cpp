// The kernels in plain C++.
#include "gemm/gemm.kernel.h"
#include "kernel_table.h"
#include "simd/plain.h"

namespace smq {

const Kernels& plain_kernels() {
  static constexpr Kernels table = kernel_table<Plain>("plain", gemm_kernels<Plain>());
  return table;
}

}  // namespace smq

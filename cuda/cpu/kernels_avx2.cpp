// The kernels for x86-64 with AVX2, FMA and F16C. All that this file instantiates is a template of
// `Avx2` or forced inline, so no code of it is shared with the files that run anywhere.
#include "kernel_table.h"
#include "simd/avx2.h"

namespace smq {

const Kernels& avx2_kernels();

const Kernels& avx2_kernels() {
  static constexpr Kernels table = kernel_table<Avx2>("avx2");
  return table;
}

}  // namespace smq

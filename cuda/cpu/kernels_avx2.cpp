// The kernels for x86-64 with AVX2, FMA and F16C. All that this file and gemm/gemm_avx2.cpp instantiate is a template
// of `Avx2` or forced inline, so no code of theirs is shared with the files that run anywhere.
#include "kernels_avx2.h"

#include "kernel_table.h"
#include "simd/avx2.h"

namespace smq {

const Kernels& avx2_kernels() {
  static const Kernels table = kernel_table<Avx2>("avx2", avx2_gemm_kernels());
  return table;
}

}  // namespace smq

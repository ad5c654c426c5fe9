// Of the kernels for AVX2, the products; see kernels_avx2.cpp.
#include "gemm/gemm.kernel.h"
#include "kernels_avx2.h"
#include "simd/avx2.h"

namespace smq {

GemmKernels avx2_gemm_kernels() { return gemm_kernels<Avx2>(); }

}  // namespace smq

// The kernels for x86-64 with AVX2, FMA and F16C, in two files that compile side by side.
#pragma once

#include "kernels.h"

namespace smq {

const Kernels& avx2_kernels();
GemmKernels avx2_gemm_kernels();

}  // namespace smq

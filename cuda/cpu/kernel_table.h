// The table of one instruction set: every kernel template of the library, instantiated, but for those of
// gemm/gemm.kernel.h, which take as long as all others to compile and have a table of their own.
#pragma once

#include "gemm/f32.kernel.h"
#include "kernels.h"
#include "ops/attention.kernel.h"
#include "ops/choose.kernel.h"
#include "ops/logits.kernel.h"
#include "ops/quantize.kernel.h"
#include "ops/rope_kv.kernel.h"
#include "ops/rows.kernel.h"

namespace smq {

template <class S, class T>
constexpr HalfKernels half_kernels() {
  return {widen_row<S, T>,
          narrow_row<S, T>,
          rms_norm_row<S, T, T>,
          silu_mul_row<S, T, T>,
          rms_norm_row<S, T, float>,
          silu_mul_row<S, T, float>,
          rope_kv_row<S, T>,
          attention_tasks<S, T, Plainly<S, T>>,
          attention_tasks<S, T, Scaled<S, T>>};
}

template <class S>
constexpr Kernels kernel_table(const char* name, const GemmKernels& gemm) {
  return {name,
          {half_kernels<S, f16>(), half_kernels<S, bf16>()},
          gemm,
          gemm_packed<S>,
          widen_bytes<S>,
          widen_row<S, e4m3>,
          {quantize_row<S, int8_t>, quantize_row<S, e4m3>},
          choose_row<S>,
          expect_row<S>,
          largest_entry<S>,
          log_softmax_row<S>,
          top_log_probs_row<S>};
}

}  // namespace smq

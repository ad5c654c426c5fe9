// Sums of rows that were written by whoever does not leave any.
#include "gemm/input_sums.cuh"

namespace smq {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads) sum_kernel(float* sums, const __half* x, int32_t k) {
  let_next_start();
  wait_for_previous();
  const int row = blockIdx.x;
  const int64_t input = (int64_t(blockIdx.y) * kThreads + threadIdx.x) * 4;
  const int64_t first = input / kSumInputs * kSumInputs;
  if (first >= k) return;
  Pack<__half, 4> four = {};
  if (input < k) four = load<__half, 4>(x + int64_t(row) * k + input);
  leave_sum(sums, row, first, four);
}

}  // namespace

void sum_inputs(smq_context* ctx, const void* x, int32_t m, int32_t k) {
  prefer_shared(sum_kernel);
  launch(ctx, sum_kernel, dim3(unsigned(m), blocks_for(k, 4 * kThreads)), kThreads, 0, sums_in_scratch(ctx),
         static_cast<const __half*>(x), k);
}

}  // namespace smq

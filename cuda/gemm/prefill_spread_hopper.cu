// Dense products of many rows on Hopper whose tiles do not come to whole rounds: those left over are spread over all
// multiprocessors, along the inputs.
#include "gemm/prefill_hopper.cuh"

namespace smq {

int32_t dense_spread_hopper(smq_context* ctx, const DenseArgs& args) {
  return dense_on_hopper::run<cutlass::gemm::StreamKScheduler>(ctx, args);
}

}  // namespace smq

// The kernel for up to 32 rows.
#include "forward/kernel.cuh"
#include "forward/rows.cuh"

int32_t smq::forward::run_32(smq_context* ctx, const Program& program, uint32_t* counter) {
  return launch_program<32>(ctx, program, counter);
}

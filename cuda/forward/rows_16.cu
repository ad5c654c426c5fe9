// The kernel for up to 16 rows.
#include "forward/kernel.cuh"
#include "forward/rows.cuh"

int32_t smq::forward::run_16(smq_context* ctx, const Program& program, uint32_t* counter) {
  return launch_program<16>(ctx, program, counter);
}

// The kernel for up to 8 rows.
#include "forward/kernel.cuh"
#include "forward/rows.cuh"

int32_t smq::forward::run_8(smq_context* ctx, const Program& program, uint32_t* counter) {
  return launch_program<8>(ctx, program, counter);
}

// The kernel for up to 64 rows.
#include "forward/kernel.cuh"
#include "forward/rows.cuh"

int32_t smq::forward::run_64(smq_context* ctx, const Program& program, uint32_t* counter) {
  return launch_program<64>(ctx, program, counter);
}

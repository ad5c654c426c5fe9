// Where and how the kernel of forwards runs.
#include "forward/program.cuh"

#include "forward/rows.cuh"

namespace smq {
namespace forward {

bool available(const smq_context* ctx) {
  // For comparisons: ops one by one.
  static const bool wanted = !environment_is("SMQ_FORWARD", "ops");
  return wanted && ctx->capability == 90;
}

int32_t program_rows(int32_t m) { return m <= 8 ? 8 : m <= 16 ? 16 : kMostRows; }

int32_t run(smq_context* ctx, const Program& program, int32_t rows) {
  // How often blocks have ended an op, zero between forwards; and how many instructions ever ran.
  uint32_t* const counter = ctx->counters + kCounterBytes / sizeof(uint32_t) - kForwardCounters;
  switch (rows) {
    case 8: return run_8(ctx, program, counter);
    case 16: return run_16(ctx, program, counter);
    default: return run_32(ctx, program, counter);
  }
}

}  // namespace forward
}  // namespace smq

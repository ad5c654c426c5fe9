#include "forward/program.cuh"

#include "forward/rows.cuh"

namespace smq {
namespace forward {

bool available(const smq_context* ctx) {
  // For comparisons: ops one by one.
  static const bool wanted = !environment_is("SMQ_FORWARD", "ops");
  return wanted && ctx->capability == 90;
}

int32_t program_rows(int32_t m) { return m <= 8 ? 8 : m <= 16 ? 16 : m <= 32 ? 32 : 64; }

int32_t run(smq_context* ctx, const Program& program, int32_t rows) {
  // The last of the counters that are zero between ops; products use the first.
  uint32_t* const counter = ctx->counters + kCounterBytes / sizeof(uint32_t) - 32;
  switch (rows) {
    case 8: return run_8(ctx, program, counter);
    case 16: return run_16(ctx, program, counter);
    case 32: return run_32(ctx, program, counter);
    default: return run_64(ctx, program, counter);
  }
}

}  // namespace forward
}  // namespace smq

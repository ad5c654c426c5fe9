// The table of instantiations: each row bucket is a file, as they take long to compile.
#pragma once

#include "forward/program.cuh"

namespace smq {
namespace forward {

int32_t run_8(smq_context* ctx, const Program& program, uint32_t* counter);
int32_t run_16(smq_context* ctx, const Program& program, uint32_t* counter);
int32_t run_32(smq_context* ctx, const Program& program, uint32_t* counter);

}  // namespace forward
}  // namespace smq

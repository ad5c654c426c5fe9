// While a capture is under way, ops that forward::run can take wait here for those behind them, and become
// one kernel; whatever else is queued comes after them. Without a capture, and where the device cannot run
// that kernel, nothing waits.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "forward/program.cuh"
#include "ops/attention.cuh"

namespace smq {
namespace forward {

// Each returns whether the op was taken; if not, the caller queues it on its own.
bool take(smq_context* ctx, const GemmArgs& args);
bool take_norm(smq_context* ctx, const RowsCall& call, int32_t dtype);  // weight: null converts
bool take(smq_context* ctx, const RopeKv& args);
bool take(smq_context* ctx, const AttentionArgs& args);
bool take(smq_context* ctx, const SiluCall& call, int32_t dtype);

// Queues what waits.
void flush(smq_context* ctx);

// At the end of a capture: finish() queues what waits, and returns an error that a flush met before; once the
// capture is over, upload() fills the programs, whose device memory `memory` gets.
int32_t finish(smq_context* ctx);
int32_t upload(smq_context* ctx, std::vector<void*>* memory);
// Throws away what waits.
void forget(smq_context* ctx);

}  // namespace forward
}  // namespace smq

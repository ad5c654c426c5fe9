// Dense products of many rows on Hopper, a block for each tile.
#include "gemm/prefill_hopper.cuh"

namespace smq {
namespace {

// Whether the tiles that are left over behind whole rounds are better spread over the card: leaving and adding up parts,
// and a start of its own, take about as long as so many steps of 64 inputs.
bool is_spread(const smq_context* ctx, const DenseArgs& args) {
  constexpr int kWorth = 8;
  constexpr int64_t kRows = 128, kOutputs = 256, kInputs = 64;
  const int64_t tiles = ((args.m + kRows - 1) / kRows) * ((args.n + kOutputs - 1) / kOutputs);
  const int64_t rest = tiles % ctx->sms, steps = (args.k + kInputs - 1) / kInputs;
  // CUTLASS spreads up to two rounds of tiles, and keeps the sums of each; and some counters.
  const int64_t room = 2 * ctx->sms * kRows * kOutputs * 4 + (1 << 20);
  return args.scratch_bytes >= room && rest > 0 && steps - (rest * steps + ctx->sms - 1) / ctx->sms >= kWorth;
}

}  // namespace

bool dense_fits_hopper(const DenseArgs& args) {
  const auto aligned = [](const void* p) { return reinterpret_cast<uint64_t>(p) % 16 == 0; };
  return args.k % 8 == 0 && args.x_stride % 8 == 0 && args.w_stride % 8 == 0 &&
         args.y_stride % (args.wide ? 4 : 8) == 0 && args.n % (args.wide ? 4 : 8) == 0 &&
         aligned(args.x) && aligned(args.w) && aligned(args.y);
}

int32_t dense_hopper(smq_context* ctx, const DenseArgs& args) {
  return is_spread(ctx, args) ? dense_spread_hopper(ctx, args)
                              : dense_on_hopper::run<cutlass::gemm::PersistentScheduler>(ctx, args);
}

}  // namespace smq

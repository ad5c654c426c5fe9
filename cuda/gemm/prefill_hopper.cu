// Dense products of many rows on Hopper, a block for each tile.
#include "gemm/prefill_hopper.cuh"
#include "gemm/prefill_rounds.cuh"

namespace smq {
namespace {

// Whether the tiles that are left over behind whole rounds are better spread over the card.
bool is_spread(const smq_context* ctx, const DenseArgs& args) {
  constexpr int kLost = 44;  // steps of 0.7 us that parts of a product take, which is 31 us
  constexpr int64_t kRows = 128, kOutputs = 256, kInputs = 64;
  // Rows come in pairs of tiles, a cluster each.
  const int64_t tiles = (args.m + 2 * kRows - 1) / (2 * kRows) * 2 * ((args.n + kOutputs - 1) / kOutputs);
  // CUTLASS spreads up to two rounds of tiles, and keeps the sums of each; and some counters.
  const int64_t room = 2 * ctx->sms * kRows * kOutputs * 4 + (1 << 20);
  return args.scratch_bytes >= room && worth_spreading(tiles, (args.k + kInputs - 1) / kInputs, ctx->sms, kLost);
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

// The dense product of many rows on Hopper: CUTLASS, wgmma fed by bulk tensor copies. One tile shape: two
// warpgroups share 128 rows x 256 outputs, the largest that keeps its sums in registers. A block for each tile, or
// tiles left over behind whole rounds spread over all multiprocessors, along the inputs: both in one file, as nearly all
// that it takes to compile is to read CUTLASS.
#include "gemm/prefill.cuh"
#include "gemm/prefill_rounds.cuh"

#include <type_traits>

#include <cutlass/bfloat16.h>
#include <cutlass/epilogue/collective/collective_builder.hpp>
#include <cutlass/gemm/collective/collective_builder.hpp>
#include <cutlass/gemm/device/gemm_universal_adapter.h>
#include <cutlass/gemm/kernel/gemm_universal.hpp>
#include <cutlass/half.h>

namespace smq {
namespace {

using namespace cute;

// T: of x, w and bias; Y: of y; Scheduler: who takes which tiles.
template <class T, class Y, class Scheduler>
struct Product {
  using Tile = Shape<_128, _256, _64>;
  using Cluster = Shape<_2, _1, _1>;
  static constexpr int kAlignment = 8;
  static constexpr int kAlignmentY = 16 / sizeof(Y);
  using Fusion = cutlass::epilogue::fusion::LinCombPerColBias<Y, float, T, Y, float, 1>;
  using Epilogue = typename cutlass::epilogue::collective::CollectiveBuilder<
      cutlass::arch::Sm90, cutlass::arch::OpClassTensorOp, Tile, Cluster,
      cutlass::epilogue::collective::EpilogueTileAuto, float, float, Y, cutlass::layout::RowMajor,
      kAlignmentY, Y, cutlass::layout::RowMajor, kAlignmentY,
      cutlass::epilogue::TmaWarpSpecializedCooperative, Fusion>::CollectiveOp;
  using Mainloop = typename cutlass::gemm::collective::CollectiveBuilder<
      cutlass::arch::Sm90, cutlass::arch::OpClassTensorOp, T, cutlass::layout::RowMajor, kAlignment, T,
      cutlass::layout::ColumnMajor, kAlignment, float, Tile, Cluster,
      cutlass::gemm::collective::StageCountAutoCarveout<int(
          sizeof(typename Epilogue::SharedStorage))>,
      cutlass::gemm::KernelTmaWarpSpecializedCooperative>::CollectiveOp;
  using Kernel =
      cutlass::gemm::kernel::GemmUniversal<Shape<int, int, int, int>, Mainloop, Epilogue, Scheduler>;
  using Gemm = cutlass::gemm::device::GemmUniversalAdapter<Kernel>;

  static int32_t run(smq_context* ctx, const DenseArgs& args) {
    Y* const y = static_cast<Y*>(args.y);
    const auto x_stride = make_stride(int64_t(args.x_stride), _1{}, int64_t(0));
    const auto w_stride = make_stride(int64_t(args.w_stride), _1{}, int64_t(0));
    const auto y_stride = make_stride(int64_t(args.y_stride), _1{}, int64_t(0));
    typename Gemm::Arguments arguments{
        cutlass::gemm::GemmUniversalMode::kGemm,
        {args.m, args.n, args.k, 1},
        {static_cast<const T*>(args.x), x_stride, static_cast<const T*>(args.w), w_stride},
        {{}, y, y_stride, y, y_stride}};
    arguments.epilogue.thread.alpha = 1;
    arguments.epilogue.thread.beta = args.add ? 1 : 0;
    arguments.epilogue.thread.bias_ptr = static_cast<const T*>(args.bias);
    arguments.hw_info.device_id = ctx->device;
    arguments.hw_info.sm_count = ctx->sms;
    if constexpr (std::is_same_v<Scheduler, cutlass::gemm::StreamKScheduler>) {
      using Mode = decltype(arguments.scheduler.decomposition_mode);
      arguments.scheduler.decomposition_mode = Mode::StreamK;
    }
    Gemm gemm;
    if (Gemm::can_implement(arguments) != cutlass::Status::kSuccess ||
        Gemm::get_workspace_size(arguments) > size_t(args.scratch_bytes)) {
      return fail(SMQ_LIMIT, "a product of %d rows, %d outputs and %d inputs does not fit its kernel",
                  args.m, args.n, args.k);
    }
    cutlass::Status status = gemm.initialize(arguments, args.scratch, ctx->stream);
    if (status == cutlass::Status::kSuccess) status = gemm.run(ctx->stream);
    if (status != cutlass::Status::kSuccess) {
      const int32_t error = launched(ctx, "gemm");
      return error ? error : fail(SMQ_DEVICE, "%s", cutlass::cutlassGetStatusString(status));
    }
    return launched(ctx, "gemm");
  }
};

// The table of instantiations.
template <class Scheduler>
int32_t run(smq_context* ctx, const DenseArgs& args) {
  if (args.dtype == SMQ_F16) {
    return args.wide ? Product<cutlass::half_t, float, Scheduler>::run(ctx, args)
                     : Product<cutlass::half_t, cutlass::half_t, Scheduler>::run(ctx, args);
  }
  return args.wide ? Product<cutlass::bfloat16_t, float, Scheduler>::run(ctx, args)
                   : Product<cutlass::bfloat16_t, cutlass::bfloat16_t, Scheduler>::run(ctx, args);
}

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
  return is_spread(ctx, args) ? run<cutlass::gemm::StreamKScheduler>(ctx, args)
                              : run<cutlass::gemm::PersistentScheduler>(ctx, args);
}

}  // namespace smq

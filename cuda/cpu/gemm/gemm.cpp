#include "gemm/gemm.h"

#include <algorithm>
#include <cstring>

namespace smq {
namespace {

// Rows that are widened to f32 together: enough to make a panel's widening cheap.
constexpr int32_t kRows = 256;
constexpr int64_t kWidest = sizeof(float);
constexpr double kProduct = 0.02;  // nanoseconds for one input of one output of one row

int64_t padded(int32_t k) { return (int64_t(k) + 7) / 8 * 8; }

void run_gemm(smq_context* ctx, const GemmArgs& call, const GemmPlan& plan) {
  const int64_t stride = padded(call.k);
  uint8_t* const rows = ctx->scratch.data();
  uint8_t* const panels = rows + std::min(call.m, kRows) * stride * kWidest;
  const int64_t y_bytes = call.epilogue == SMQ_STORE ? 2 : 4;
  for (int32_t first = 0; first < call.m; first += kRows) {
    const int32_t m = std::min(kRows, call.m - first);
    const uint8_t* x = at<uint8_t>(call.x) + int64_t(first) * call.k * plan.x_bytes;
    ctx->pool.run(m, 0.1 * call.k, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        uint8_t* row = rows + i * stride * plan.wide_bytes;
        plan.widen(row, x + i * call.k * plan.x_bytes, call.k);
        std::memset(row + call.k * plan.wide_bytes, 0,
                    std::size_t((stride - call.k) * plan.wide_bytes));
      }
    });
    Gemm args{};
    args.x = rows;
    args.w = at<void>(call.w);
    args.bias = at<void>(call.bias);
    args.y = at<uint8_t>(call.y) + int64_t(first) * call.y_stride * y_bytes;
    args.row_scales = call.x_scales ? at<float>(call.x_scales) + first : nullptr;
    args.row_sums = call.x_sums ? at<int32_t>(call.x_sums) + first : nullptr;
    args.x_stride = stride;
    args.y_stride = call.y_stride;
    args.epilogue = call.epilogue;
    args.dtype = call.dtype;
    args.m = m;
    args.n = call.n;
    args.k = call.k;
    args.group = call.group;
    const int64_t blocks = (int64_t(call.n) + kPanel - 1) / kPanel;
    const double block_cost = kPanel * double(call.k) * (plan.cost + kProduct * (m - 1));
    ctx->pool.run(blocks, block_cost, [&](int64_t begin, int64_t end, int worker) {
      const int64_t last = std::min<int64_t>(end * kPanel, call.n);
      plan.kernel(args, int32_t(begin * kPanel), int32_t(last),
                  panels + worker * kPanel * stride * kWidest);
    });
  }
}

}  // namespace

int32_t submit_gemm(smq_context* ctx, const GemmArgs& call, const GemmPlan& plan) {
  const int64_t rows = std::min(call.m, kRows) + int64_t(ctx->pool.threads()) * kPanel;
  const int64_t scratch = rows * padded(call.k) * kWidest;
  return submit(ctx, [=] { run_gemm(ctx, call, plan); }, scratch);
}

}  // namespace smq

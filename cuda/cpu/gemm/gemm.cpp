#include "gemm/gemm.h"

#include <algorithm>
#include <cstring>

namespace smq {
namespace {

// Rows that are widened to f32 together: enough to make a panel's widening cheap.
constexpr int32_t kRows = 256;
constexpr int64_t kWidest = sizeof(float);
constexpr double kProduct = 0.02;  // nanoseconds for one input of one output of one row

int64_t padded(int64_t k) { return (k + 7) / 8 * 8; }

// Elements from one widened row to the next.
int64_t row_elements(int32_t k, const GemmPlan& plan) {
  return padded(k) + plan.beside * padded(k / 8);
}

// The rows first..first+m-1 as the kernel reads them.
void widen_rows(smq_context* ctx, const GemmArgs& call, const GemmPlan& plan, int32_t first, int32_t m) {
  uint8_t* const rows = ctx->scratch.data();
  const uint8_t* x = at<uint8_t>(call.x) + int64_t(first) * call.k * plan.x_bytes;
  const int64_t row_bytes = row_elements(call.k, plan) * plan.wide_bytes;
  ctx->pool.run(m, 0.1 * call.k, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      uint8_t* row = rows + i * row_bytes;
      plan.widen(row, x + i * call.k * plan.x_bytes, call.k);
      std::memset(row + call.k * plan.wide_bytes, 0,
                  std::size_t((padded(call.k) - call.k) * plan.wide_bytes));
      if (plan.prepare) plan.prepare(reinterpret_cast<float*>(row), call.k, call.group);
    }
  });
}

void run_gemm(smq_context* ctx, const GemmArgs& call, const GemmPlan& plan) {
  const int64_t stride = row_elements(call.k, plan);
  uint8_t* const rows = ctx->scratch.data();
  uint8_t* const panels = rows + std::min(call.m, kRows) * stride * kWidest;
  const int64_t panel_bytes = plan.outputs * padded(call.k) * kWidest;
  const int64_t y_bytes = call.epilogue == SMQ_STORE ? 2 : 4;
  for (int32_t first = 0; first < call.m; first += kRows) {
    const int32_t m = std::min(kRows, call.m - first);
    if (plan.widen) widen_rows(ctx, call, plan, first, m);
    Gemm args{};
    args.x = plan.widen ? rows : at<uint8_t>(call.x) + int64_t(first) * call.k * plan.x_bytes;
    args.w = at<void>(call.w);
    args.bias = at<void>(call.bias);
    args.y = at<uint8_t>(call.y) + int64_t(first) * call.y_stride * y_bytes;
    args.row_scales = call.x_scales ? at<float>(call.x_scales) + first : nullptr;
    args.row_sums = call.x_sums ? at<int32_t>(call.x_sums) + first : nullptr;
    args.x_stride = plan.widen ? stride : call.k;
    args.y_stride = call.y_stride;
    args.epilogue = call.epilogue;
    args.dtype = call.dtype;
    args.m = m;
    args.n = call.n;
    args.k = call.k;
    args.group = call.group;
    const int64_t blocks = (int64_t(call.n) + plan.outputs - 1) / plan.outputs;
    const double block_cost = plan.outputs * double(call.k) * (plan.cost + kProduct * (m - 1));
    ctx->pool.run(blocks, block_cost, [&](int64_t begin, int64_t end, int worker) {
      const int64_t last = std::min<int64_t>(end * plan.outputs, call.n);
      plan.kernel(args, int32_t(begin * plan.outputs), int32_t(last), panels + worker * panel_bytes);
    });
  }
}

}  // namespace

int32_t submit_gemm(smq_context* ctx, const GemmArgs& call, const GemmPlan& plan) {
  const int64_t rows = std::min(call.m, kRows) * row_elements(call.k, plan);
  const int64_t panels = int64_t(ctx->pool.threads()) * plan.outputs * padded(call.k);
  return submit(ctx, [=] { run_gemm(ctx, call, plan); }, (rows + panels) * kWidest);
}

}  // namespace smq

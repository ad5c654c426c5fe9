#include "gemm/gemm.h"

#include <algorithm>

namespace smq {
namespace {

// Rows that are widened to f32 together: enough to make a panel's widening cheap.
constexpr int32_t kRows = 256;
constexpr double kProduct = 0.02;  // nanoseconds for one input of one output of one row

int64_t padded(int32_t k) { return (int64_t(k) + 7) / 8 * 8; }

void run_gemm(smq_context* ctx, const GemmArgs& call, GemmKernel kernel, double cost) {
  const int64_t stride = padded(call.k);
  const HalfKernels& half = ctx->kernels.half[call.dtype];
  float* const rows = reinterpret_cast<float*>(ctx->scratch.data());
  float* const panels = rows + std::min(call.m, kRows) * stride;
  const int64_t element = element_bytes(call.dtype);
  for (int32_t first = 0; first < call.m; first += kRows) {
    const int32_t m = std::min(kRows, call.m - first);
    const uint8_t* x = at<uint8_t>(call.x) + int64_t(first) * call.k * element;
    ctx->pool.run(m, 0.1 * call.k, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        half.widen(rows + i * stride, x + i * call.k * element, call.k);
        std::fill(rows + i * stride + call.k, rows + (i + 1) * stride, 0.0f);
      }
    });
    Gemm args{};
    args.x = rows;
    args.w = at<void>(call.w);
    args.bias = at<void>(call.bias);
    args.y = at<uint8_t>(call.y) + int64_t(first) * call.y_stride *
                                       (call.epilogue == SMQ_STORE ? element : int64_t(4));
    args.x_stride = stride;
    args.y_stride = call.y_stride;
    args.epilogue = call.epilogue;
    args.dtype = call.dtype;
    args.m = m;
    args.n = call.n;
    args.k = call.k;
    args.group = call.group;
    const int64_t blocks = (int64_t(call.n) + kPanel - 1) / kPanel;
    const double block_cost = kPanel * double(call.k) * (cost + kProduct * (m - 1));
    ctx->pool.run(blocks, block_cost, [&](int64_t begin, int64_t end, int worker) {
      const int64_t last = std::min<int64_t>(end * kPanel, call.n);
      kernel(args, int32_t(begin * kPanel), int32_t(last), panels + worker * kPanel * stride);
    });
  }
}

}  // namespace

int32_t submit_gemm(smq_context* ctx, const GemmArgs& call, GemmKernel kernel, double cost) {
  const int64_t rows = std::min(call.m, kRows) + int64_t(ctx->pool.threads()) * kPanel;
  const int64_t scratch = rows * padded(call.k) * int64_t(sizeof(float));
  return submit(ctx, [=] { run_gemm(ctx, call, kernel, cost); }, scratch);
}

}  // namespace smq

// The gated activation of a feed-forward layer.
#include "context.h"

using namespace smq;

int32_t smq::run_silu_mul(smq_context* ctx, uint64_t out, uint64_t x, int32_t m, int32_t n,
                          int32_t dtype) {
  return submit(ctx, [=] {
    const auto kernel = ctx->kernels.half[dtype].silu_mul;
    // Pieces of rows, so that one long row is shared out too.
    constexpr int64_t kPiece = 1024;
    const int64_t pieces = (n + kPiece - 1) / kPiece;
    ctx->pool.run(m * pieces, n < kPiece ? n : double(kPiece), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = i / pieces;
        const int64_t from = i % pieces * kPiece;
        const uint16_t* gate = at<const uint16_t>(x) + row * 2 * n + from;
        const int64_t count = n - from < kPiece ? n - from : kPiece;
        kernel(at<uint16_t>(out) + row * n + from, gate, gate + n, count);
      }
    });
  });
}

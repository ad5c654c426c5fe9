// Rows of an embedding table.
#include <cstring>

#include "context.h"

using namespace smq;

namespace {

// count elements from a table's dtype to another.
void convert_row(const Kernels& kernels, void* out, int32_t out_dtype, const uint16_t* row,
                 int32_t dtype, int32_t count) {
  if (out_dtype == dtype) {
    std::memcpy(out, row, std::size_t(count) * 2);
    return;
  }
  if (out_dtype == SMQ_F32) return kernels.half[dtype].widen(static_cast<float*>(out), row, count);
  constexpr int32_t kPiece = 256;
  float piece[kPiece];
  for (int32_t from = 0; from < count; from += kPiece) {
    const int32_t part = count - from < kPiece ? count - from : kPiece;
    kernels.half[dtype].widen(piece, row + from, part);
    kernels.half[out_dtype].narrow(static_cast<uint16_t*>(out) + from, piece, part);
  }
}

}  // namespace

int32_t smq_embed(smq_context* ctx, uint64_t out, int32_t out_stride, int32_t out_dtype,
                  uint64_t table, int32_t table_dtype, uint64_t tokens, uint64_t start,
                  int32_t shift, int32_t m, int32_t hidden, int32_t vocab) {
  Check check;
  check.pointer("ctx", ctx).address("out", out).address("table", table).address("tokens", tokens);
  check.dtype("out_dtype", out_dtype).half("table_dtype", table_dtype).at_least("m", m, 1);
  check.at_least("hidden", hidden, 1).at_least("vocab", vocab, 1);
  check.at_least("out_stride", out_stride, hidden).extent("table", table, vocab, hidden, 2);
  if (check.extent("out", out, m, out_stride, 4).failed()) return check.status();
  return submit(ctx, [=] {
    const int64_t first = (start ? int64_t(*at<const int32_t>(start)) : 0) + shift;
    const int64_t element = element_bytes(out_dtype);
    ctx->pool.run(m, 0.15 * hidden, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int32_t token = at<const int32_t>(tokens)[first + i];
        uint8_t* to = at<uint8_t>(out) + i * out_stride * element;
        if (token < 0 || token >= vocab) {
          std::memset(to, 0, std::size_t(hidden * element));
        } else {
          convert_row(ctx->kernels, to, out_dtype, at<const uint16_t>(table) + int64_t(token) * hidden,
                      table_dtype, hidden);
        }
      }
    });
  });
}

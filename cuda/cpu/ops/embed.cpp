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
  if (out_dtype == SMQ_F32) return kernels.half[dtype].widen(out, row, count);
  constexpr int32_t kPiece = 256;
  float piece[kPiece];
  for (int32_t from = 0; from < count; from += kPiece) {
    const int32_t part = count - from < kPiece ? count - from : kPiece;
    kernels.half[dtype].widen(piece, row + from, part);
    kernels.half[out_dtype].narrow(static_cast<uint16_t*>(out) + from, piece, part);
  }
}

}  // namespace

int32_t smq::run_embed(smq_context* ctx, const Embed& args) {
  return submit(ctx, [=] {
    const int64_t first = (args.start ? int64_t(*args.start) : 0) + args.shift;
    const int64_t element = element_bytes(args.out_dtype);
    ctx->pool.run(args.m, 0.15 * args.hidden, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int32_t token = args.tokens[first + i];
        uint8_t* to = at<uint8_t>(args.out) + i * args.out_stride * element;
        if (token < 0 || token >= args.vocab) {
          std::memset(to, 0, std::size_t(args.hidden * element));
        } else {
          const uint16_t* row = at<const uint16_t>(args.table) + int64_t(token) * args.hidden;
          convert_row(ctx->kernels, to, args.out_dtype, row, args.table_dtype, args.hidden);
        }
      }
    });
  });
}

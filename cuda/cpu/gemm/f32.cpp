// Products of f32 matrices, in blocks that fit into caches: both operands are packed in the order in which
// tiles read them. An element is the same sum wherever it lies: of kDepth inputs in order, fused, then of
// those sums in order.
#include <algorithm>

#include "context.h"

using namespace smq;

namespace {

constexpr int32_t kDepth = 256;    // inputs summed in registers
constexpr int32_t kRows = 96;      // of a block of a: with kDepth within the second cache
constexpr int32_t kColumns = 4096;  // of a block of b: with kDepth within the third
constexpr int32_t kPart = 256;     // columns of b that one task takes
constexpr double kTerm = 0.03;     // nanoseconds of one multiply-add

static_assert(kRows % kStripRows == 0 && kPart % kStripColumns == 0, "whole strips");

int32_t up_to(int32_t count, int32_t most, int32_t multiple) {
  return (std::min(count, most) + multiple - 1) / multiple * multiple;
}

int64_t blocks(int32_t count, int32_t each) { return (int64_t(count) + each - 1) / each; }

// Packs `count` neighbours of each of `depth` rows as a strip of `width`.
void pack_columns(float* out, const float* from, int64_t stride, int32_t depth, int32_t count,
                  int32_t width) {
  for (int32_t p = 0; p < depth; ++p, out += width, from += stride) {
    for (int32_t i = 0; i < count; ++i) out[i] = from[i];
    for (int32_t i = count; i < width; ++i) out[i] = 0;
  }
}

// Packs the first `depth` elements of each of `count` rows as a strip of `width`.
void pack_rows(float* out, const float* from, int64_t stride, int32_t depth, int32_t count,
               int32_t width) {
  for (int32_t i = 0; i < width; ++i) {
    const float* const row = from + i * stride;
    for (int32_t p = 0; p < depth; ++p) out[p * width + i] = i < count ? row[p] : 0;
  }
}

// Rows first.. of a, inputs from.., as strips.
void pack_a(float* out, const GemmF32& args, int64_t first, int32_t rows, int64_t from,
            int32_t depth) {
  for (int32_t i = 0; i < rows; i += kStripRows, out += kStripRows * depth) {
    const int32_t count = std::min(kStripRows, rows - i);
    if (args.transposed) {
      pack_columns(out, args.a + from * args.a_stride + first + i, args.a_stride, depth, count,
                   kStripRows);
    } else {
      pack_rows(out, args.a + (first + i) * args.a_stride + from, args.a_stride, depth, count,
                kStripRows);
    }
  }
}

void run(smq_context* ctx, const GemmF32& args) {
  float* const b = reinterpret_cast<float*>(ctx->scratch.data());
  const int32_t most = std::min(args.k, kDepth);
  float* const a = b + int64_t(up_to(args.n, kColumns, kStripColumns)) * most;
  const int64_t a_size = int64_t(up_to(args.m, kRows, kStripRows)) * most;
  for (int64_t column = 0; column < args.n; column += kColumns) {
    const int32_t n = int32_t(std::min<int64_t>(kColumns, args.n - column));
    for (int64_t from = 0; from < args.k; from += kDepth) {
      const int32_t depth = int32_t(std::min<int64_t>(kDepth, args.k - from));
      const float* const right = args.b + from * args.b_stride + column;
      ctx->pool.run(blocks(n, kStripColumns), 0.5 * kStripColumns * depth,
                    [&](int64_t begin, int64_t end, int) {
                      for (int64_t strip = begin; strip < end; ++strip) {
                        const int32_t j = int32_t(strip) * kStripColumns;
                        pack_columns(b + int64_t(j) * depth, right + j, args.b_stride, depth,
                                     std::min(kStripColumns, n - j), kStripColumns);
                      }
                    });
      const int64_t parts = blocks(n, kPart);
      ctx->pool.run(
          blocks(args.m, kRows) * parts, kTerm * kRows * kPart * depth,
          [&](int64_t begin, int64_t end, int worker) {
            float* const own = a + worker * a_size;
            for (int64_t task = begin; task < end; ++task) {
              const int64_t row = task / parts * kRows;
              const int32_t j = int32_t(task % parts) * kPart;
              const int32_t rows = int32_t(std::min<int64_t>(kRows, args.m - row));
              // The parts of one block of rows come one after the other.
              if (task == begin || j == 0) pack_a(own, args, row, rows, from, depth);
              PackedF32 block{};
              block.a = own;
              block.b = b + int64_t(j) * depth;
              block.y = args.y + row * args.y_stride + column + j;
              block.y_stride = args.y_stride;
              block.m = rows;
              block.n = std::min(kPart, n - j);
              block.k = depth;
              block.update = from > 0 && args.update == SMQ_SET ? SMQ_ADD : args.update;
              ctx->kernels.gemm_f32(block);
            }
          });
    }
  }
}

}  // namespace

int32_t smq::run_gemm_f32(smq_context* ctx, const GemmF32& args) {
  const int64_t depth = std::min(args.k, kDepth);
  const int64_t scratch =
      depth * (up_to(args.n, kColumns, kStripColumns) +
               int64_t(ctx->pool.threads()) * up_to(args.m, kRows, kStripRows)) * 4;
  return submit(ctx, [=] { run(ctx, args); }, scratch);
}

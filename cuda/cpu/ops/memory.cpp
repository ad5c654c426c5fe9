// Copies, fills and checksums.
#include <atomic>
#include <cstring>

#include "context.h"

using namespace smq;

namespace {
constexpr int64_t kPiece = 1 << 16;
constexpr double kPieceCost = 6000;  // nanoseconds for one piece
}  // namespace

int32_t smq_copy(smq_context* ctx, uint64_t dst, uint64_t src, int64_t bytes) {
  Check check;
  check.pointer("ctx", ctx).at_least("bytes", bytes, 0).address("dst", dst).address("src", src);
  check.extent("dst", dst, bytes, 1, 1).extent("src", src, bytes, 1, 1);
  if (check.failed()) return check.status();
  check.expect(bytes == 0 || dst + uint64_t(bytes) <= src || src + uint64_t(bytes) <= dst,
               "dst and src overlap, expected separate ranges");
  if (check.failed()) return check.status();
  return submit(ctx, [=] {
    ctx->pool.run((bytes + kPiece - 1) / kPiece, kPieceCost, [&](int64_t begin, int64_t end, int) {
      const int64_t last = end * kPiece < bytes ? end * kPiece : bytes;
      std::memcpy(at<uint8_t>(dst) + begin * kPiece, at<uint8_t>(src) + begin * kPiece,
                  std::size_t(last - begin * kPiece));
    });
  });
}

int32_t smq_fill(smq_context* ctx, uint64_t dst, int32_t byte, int64_t bytes) {
  Check check;
  check.pointer("ctx", ctx).at_least("bytes", bytes, 0).address("dst", dst);
  check.between("byte", byte, 0, 255).extent("dst", dst, bytes, 1, 1);
  if (check.failed()) return check.status();
  return submit(ctx, [=] {
    ctx->pool.run((bytes + kPiece - 1) / kPiece, kPieceCost, [&](int64_t begin, int64_t end, int) {
      const int64_t last = end * kPiece < bytes ? end * kPiece : bytes;
      std::memset(at<uint8_t>(dst) + begin * kPiece, byte, std::size_t(last - begin * kPiece));
    });
  });
}

int32_t smq_checksum(smq_context* ctx, uint64_t out, uint64_t src, int64_t bytes) {
  Check check;
  check.pointer("ctx", ctx).address("out", out).address("src", src).at_least("bytes", bytes, 16);
  check.multiple("bytes", bytes, 16).multiple("src", int64_t(src), 16).extent("src", src, bytes, 1, 1);
  if (check.failed()) return check.status();
  return submit(ctx, [=] {
    std::atomic<uint64_t> total{0};
    const int64_t pieces = (bytes + kPiece - 1) / kPiece;
    ctx->pool.run(pieces, kPieceCost, [&](int64_t begin, int64_t end, int) {
      const int64_t last = (end * kPiece < bytes ? end * kPiece : bytes) / 8;
      const uint64_t* words = at<const uint64_t>(src);
      // Four sums, so that the additions do not wait for one another.
      uint64_t sums[4] = {};
      int64_t i = begin * kPiece / 8;
      for (; i + 4 <= last; i += 4) {
        for (int j = 0; j < 4; ++j) sums[j] += words[i + j];
      }
      for (; i < last; ++i) sums[0] += words[i];
      total += sums[0] + sums[1] + sums[2] + sums[3];
    });
    *at<uint64_t>(out) = total;
  });
}

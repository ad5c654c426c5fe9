// Copies, fills and checksums.
#include <atomic>
#include <cstring>

#include "context.h"

using namespace smq;

namespace {
constexpr int64_t kPiece = 1 << 16;
constexpr double kPieceCost = 6000;  // nanoseconds for one piece
}  // namespace

int32_t smq::run_copy(smq_context* ctx, uint64_t dst, uint64_t src, int64_t bytes) {
  return submit(ctx, [=] {
    ctx->pool.run((bytes + kPiece - 1) / kPiece, kPieceCost, [&](int64_t begin, int64_t end, int) {
      const int64_t last = end * kPiece < bytes ? end * kPiece : bytes;
      std::memcpy(at<uint8_t>(dst) + begin * kPiece, at<uint8_t>(src) + begin * kPiece,
                  std::size_t(last - begin * kPiece));
    });
  });
}

int32_t smq::run_fill(smq_context* ctx, uint64_t dst, int32_t byte, int64_t bytes) {
  return submit(ctx, [=] {
    ctx->pool.run((bytes + kPiece - 1) / kPiece, kPieceCost, [&](int64_t begin, int64_t end, int) {
      const int64_t last = end * kPiece < bytes ? end * kPiece : bytes;
      std::memset(at<uint8_t>(dst) + begin * kPiece, byte, std::size_t(last - begin * kPiece));
    });
  });
}

int32_t smq::run_checksum(smq_context* ctx, uint64_t out, uint64_t src, int64_t bytes) {
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

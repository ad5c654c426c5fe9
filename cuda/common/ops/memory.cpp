// Copies, fills and checksums.
#include "common/error.h"
#include "common/ops.h"

using namespace smq;

int32_t smq_copy(smq_context* ctx, uint64_t dst, uint64_t src, int64_t bytes) {
  Check check;
  check.pointer("ctx", ctx).at_least("bytes", bytes, 0).address("dst", dst).address("src", src);
  check.extent("dst", dst, bytes, 1, 1).extent("src", src, bytes, 1, 1);
  if (check.failed()) return check.status();
  check.expect(bytes == 0 || dst + uint64_t(bytes) <= src || src + uint64_t(bytes) <= dst,
               "dst and src overlap, expected separate ranges");
  if (check.failed() || bytes == 0) return check.status();
  return run_copy(ctx, dst, src, bytes);
}

int32_t smq_fill(smq_context* ctx, uint64_t dst, int32_t byte, int64_t bytes) {
  Check check;
  check.pointer("ctx", ctx).at_least("bytes", bytes, 0).address("dst", dst);
  check.between("byte", byte, 0, 255).extent("dst", dst, bytes, 1, 1);
  if (check.failed() || bytes == 0) return check.status();
  return run_fill(ctx, dst, byte, bytes);
}

int32_t smq_checksum(smq_context* ctx, uint64_t out, uint64_t src, int64_t bytes) {
  Check check;
  check.pointer("ctx", ctx).address("out", out).address("src", src).at_least("bytes", bytes, 16);
  check.multiple("bytes", bytes, 16).multiple("src", int64_t(src), 16).extent("src", src, bytes, 1, 1);
  return check.failed() ? check.status() : run_checksum(ctx, out, src, bytes);
}

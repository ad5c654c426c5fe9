// Rows of an embedding table.
#include "common/address.h"
#include "common/error.h"
#include "common/ops.h"

using namespace smq;

int32_t smq_embed(smq_context* ctx, uint64_t out, int32_t out_stride, int32_t out_dtype,
                  uint64_t table, int32_t table_dtype, uint64_t tokens, uint64_t start,
                  int32_t shift, int32_t m, int32_t hidden, int32_t vocab) {
  Check check;
  check.pointer("ctx", ctx).address("out", out).address("table", table).address("tokens", tokens);
  check.dtype("out_dtype", out_dtype).half("table_dtype", table_dtype).at_least("m", m, 1);
  check.at_least("hidden", hidden, 1).at_least("vocab", vocab, 1);
  check.at_least("out_stride", out_stride, hidden).extent("table", table, vocab, hidden, 2);
  if (check.extent("out", out, m, out_stride, 4).failed()) return check.status();
  return run_embed(ctx, {out, table, at<const int32_t>(tokens), at<const int32_t>(start), out_stride,
                         out_dtype, table_dtype, shift, m, hidden, vocab});
}

int32_t smq_embed_w8_group(smq_context* ctx, uint64_t out, int32_t out_stride, int32_t out_dtype,
                           uint64_t table, int32_t group, int32_t offsets, uint64_t tokens,
                           uint64_t start, int32_t shift, int32_t m, int32_t hidden, int32_t vocab) {
  Check check;
  check.pointer("ctx", ctx).address("out", out).address("table", table).address("tokens", tokens);
  check.dtype("out_dtype", out_dtype).at_least("m", m, 1).at_least("vocab", vocab, 1);
  check.at_least("hidden", hidden, 1).multiple("hidden", hidden, 32);
  check.between("group", group, 16, 32).multiple("group", group, 16).between("offsets", offsets, 0, 1);
  if (check.at_least("out_stride", out_stride, hidden).failed()) return check.status();
  int64_t bytes = 0;
  if (const int32_t status = run_w8_group_bytes(vocab, hidden, group, offsets, &bytes)) return status;
  check.extent("table", table, bytes, 1, 1);
  if (check.extent("out", out, m, out_stride, 4).failed()) return check.status();
  return run_embed_w8_group(ctx, {out, table, at<const int32_t>(tokens), at<const int32_t>(start),
                                  out_stride, out_dtype, group, offsets, shift, m, hidden, vocab});
}

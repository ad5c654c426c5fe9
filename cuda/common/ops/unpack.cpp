// Weights from the order of a file to the order that packing reads.
#include "common/ops/gemm.h"

using namespace smq;

namespace {

// What n and k are multiples of.
struct Tile {
  int32_t n, k;
};

Tile tile_of(int32_t layout) {
  switch (layout) {
    case SMQ_LAYOUT_AWQ: return {8, 8};
    case SMQ_LAYOUT_ROWS: return {1, 8};
    case SMQ_LAYOUT_QOQ: return {32, 32};
    case SMQ_LAYOUT_GPTQ8:
    case SMQ_LAYOUT_ROWS8: return {1, 4};
    default: return {64, 16};  // Marlin and both of QQQ
  }
}

}  // namespace

int32_t smq_unpack(smq_context* ctx, uint64_t out, uint64_t stored, int32_t layout, int32_t n,
                   int32_t k) {
  Check check;
  check.pointer("ctx", ctx).address("out", out).address("stored", stored);
  check.between("layout", layout, SMQ_LAYOUT_AWQ, SMQ_LAYOUT_ROWS8);
  if (check.failed()) return check.status();
  const Tile tile = tile_of(layout);
  check.at_least("n", n, 1).at_least("k", k, 1).multiple("n", n, tile.n).multiple("k", k, tile.k);
  check.limit("k", k, kMostInputs).extent("out", out, n, k, 1).extent("stored", stored, n, k, 1);
  return check.failed() ? check.status() : run_unpack(ctx, out, stored, layout, n, k);
}

int32_t smq_unpack_blocks(smq_context* ctx, uint64_t q, uint64_t scales, uint64_t offsets,
                          uint64_t stored, int32_t type, int32_t wide, int32_t n, int32_t k) {
  Check check;
  check.pointer("ctx", ctx).address("q", q).address("scales", scales).address("stored", stored);
  check.between("type", type, SMQ_BLOCKS_Q4_0, SMQ_BLOCKS_Q6_K).between("wide", wide, 0, 1);
  check.at_least("n", n, 1).at_least("k", k, 1).multiple("k", k, type >= SMQ_BLOCKS_Q4_K ? 256 : 32);
  check.limit("k", k, kMostInputs).extent("q", q, n, k, 1).extent("stored", stored, n, k, 2);
  const bool has_offsets = type == SMQ_BLOCKS_Q4_1 || type == SMQ_BLOCKS_Q5_1 || type == SMQ_BLOCKS_Q4_K ||
                           type == SMQ_BLOCKS_Q5_K;
  if (has_offsets) check.address("offsets", offsets);
  return check.failed() ? check.status()
                        : run_unpack_blocks(ctx, q, scales, offsets, stored, type, wide, n, k);
}

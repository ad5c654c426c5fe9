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

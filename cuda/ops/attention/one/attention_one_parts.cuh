// The query heads, the key and the value of one row and one kv head, of what a product has left in parts: a cluster's
// blocks add up a share each and tell all others; each then rotates the queries, and one of them writes.
#pragma once

#include "gemm/stream/pair_of_one.cuh"
#include "ops/attention/one/attention_one_list.cuh"
#include "ops/attention/rope_head.cuh"
#include "ops/cluster.cuh"

namespace smq {

// Where a row comes from: what rotation has written.
struct RotatedRow {
  static constexpr bool kParts = false;
};

// Or the parts of a product, which are rotated here.
template <Order O>
struct RowOfParts {
  static constexpr bool kParts = true;
  static constexpr Order kOrder = O;
  StreamCall call;
  PartsOf<O> parts;
  RopeKv rope;
};

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

// The pairs of outputs of a kv head's query heads, its key and its value.
template <int D, Order O>
struct RowItem {
  int32_t output;  // of the product: the pair's first
  int32_t to;      // where that lies among the rows of shared memory, without gaps

  __device__ __forceinline__ RowItem(const RopeKv& rope, int32_t item, int32_t group, int32_t kv_head) {
    const int32_t e = item / (D / 2), inside = PairOfOne<O>::output(item % (D / 2));
    const int32_t head = e < group ? kv_head * group + e : rope.heads + kv_head + (e - group) * rope.kv_heads;
    output = head * D + inside;
    to = e * D + inside;
  }
};

// Adds up this block's share and tells all blocks: `rows`, T [group + 2][D], whose bytes `barrier` counts. wait(): for
// the kernels before; asked() runs while the first parts are on their way.
template <class T, int D, Order O, class Wait, class Asked>
__device__ __forceinline__ void tell_row(const RowOfParts<O>& from, int32_t group, int32_t kv_head, uint32_t rows,
                                         uint32_t barrier, Wait&& wait, Asked&& asked) {
  using Pair = PairOfOne<O>;
  const int rank = blockIdx.x, blocks = gridDim.x;
  const int32_t share = (group + 2) * (D / 2) / blocks;  // even: of at most 16 blocks
  for (int32_t round = 0; round < share; round += kAttendThreads) {
    const int32_t mine = round + int32_t(threadIdx.x);
    const RowItem<D, O> item(from.rope, rank * share + min(mine, share - 1), group, kv_head);
    Pair pair(from.call, from.parts, item.output);
    if (mine >= share) pair.count = 0;
    wait();
    float2 sum = pair.sum([&] {
      if (round == 0) asked();
    });
    Pair::template add_bias<T>(sum, from.call, item.output);
    // Words of two neighbours. Where an item's two are none, the next one has the neighbours of both.
    Pack<T, 2> word;
    word.e[0] = narrow<T>(sum.x), word.e[1] = narrow<T>(sum.y);
    int32_t to = item.to;
    if constexpr (TileOutputs<O>::kNatural) {
      const bool odd = threadIdx.x % 2;
      const uint32_t packed = reinterpret_cast<const uint32_t&>(word), other = __shfl_xor_sync(~0u, packed, 1);
      const uint32_t joined = odd ? __byte_perm(other, packed, 0x7632) : __byte_perm(packed, other, 0x5410);
      reinterpret_cast<uint32_t&>(word) = joined;
      if (odd) to += 7;
    }
    if (mine >= share) continue;
    for (int block = 0; block < blocks; ++block) {
      tell(block, rows + 2 * to, reinterpret_cast<const uint32_t&>(word), barrier);
    }
  }
}

// Rotates a kv head's queries into a tile, and, in the block that keeps the row, what else there is. rows: T
// [group + 2][D], whose key is rotated in place; length: of the cache as it stands; stage: where the row's pair
// belongs, at place `pair`, if it is there now.
template <class T, int D, Order O>
__device__ __forceinline__ void rotate_row(const RowOfParts<O>& from, const Angles<2, 1>& angles,
                                           T* rows, uint8_t* queries, uint8_t* stage, int pair, int64_t length,
                                           int32_t group, int32_t kv_head, bool turned, bool keeps) {
  using Part = HeadPart<T, 2, 1>;
  const RopeKv& rope = from.rope;
  const int64_t slot = length + rope.slot_offset;
  const auto put = [&](uint8_t* to, int tile, int row, const Part& part, uint32_t sign) {
    each_turn<2, 1>(D, [&](int i, int32_t j) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int d = j + half * (D / 2);
        *reinterpret_cast<uint32_t*>(to + d / 64 * tile + swizzled(row, d / 8 % 8) + d % 8 * 2) =
            reinterpret_cast<const uint32_t&>(half == 0 ? part.low[i] : part.high[i]) ^ sign;
      }
    });
  };
  for (int e = threadIdx.x / 32; e < (keeps ? group + 2 : group); e += kAttendWarps) {
    const int32_t head = e < group ? kv_head * group + e : rope.heads + kv_head + (e - group) * rope.kv_heads;
    T* const in_qkv = static_cast<T*>(rope.qkv) + int64_t(head) * D;
    Part part;
    part.fetch(rows + e * D, D);
    if (e >= group) part.keep(in_qkv, D);  // the product's own outputs; queries are overwritten
    if (e <= group) part.rotate(static_cast<const T*>(e < group ? rope.q_norm : rope.k_norm), angles, D, rope.eps);
    if (e < group) {
      put(queries, kTileRows * kTileRow, e, part, turned ? 0x80008000 : 0);
      if (keeps) part.keep(in_qkv, D);
      continue;
    }
    part.keep(rows + e * D, D);
    if (stage) put(stage + (e - group) * kChunk * 2 * D, kChunkTile, pair, part, 0);
    if (slot < 0 || slot >= rope.slots) continue;
    void* const cache = e == group ? rope.k_cache : rope.v_cache;
    part.keep(static_cast<T*>(cache) + (slot * rope.kv_heads + kv_head) * D, D);
  }
}

#endif

}  // namespace smq

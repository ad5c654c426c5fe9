// The query heads, the key and the value of one row and one kv head, of what a product has left in parts: a cluster's
// blocks add up a share each and tell all others; each then rotates the queries, and one of them writes.
#pragma once

#include "gemm/parts.cuh"
#include "ops/attention_one_list.cuh"
#include "ops/cluster.cuh"
#include "ops/rope_head.cuh"

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

// A sum of two outputs of row 0, side by side in a vector of a product's fragments, which a thread takes.
template <int D, Order O>
struct RowItem {
  const float4 *first, *next;  // the vector of the first of the workers, of the second one
  int32_t count;               // of workers
  int32_t output, apart;       // of the product, and to the other one
  int32_t to;                  // where the first lies among the rows of shared memory, without gaps

  // Item `item` of those of a kv head: of its query heads, its key and its value.
  __device__ __forceinline__ RowItem(const RowOfParts<O>& from, int32_t item, int32_t group, int32_t kv_head) {
    using At = TileOutputs<O>;
    const RopeKv& rope = from.rope;
    const int32_t e = item / (D / 2), p = item % (D / 2);
    const int32_t head = e < group ? kv_head * group + e : rope.heads + kv_head + (e - group) * rope.kv_heads;
    const int32_t inside = At::kNatural ? p / 8 * 16 + p % 8 : 2 * p;
    apart = At::kNatural ? 8 : 1;
    output = head * D + inside;
    to = e * D + inside;
    const int32_t tile = output / At::kTile, at = output % At::kTile;
    const int32_t warp = At::kNatural ? at / 16 : at / 32, g = At::kNatural ? at % 16 : at % 32 / 4;
    const int j = At::kNatural ? 0 : at % 4 / 2;
    TileWorkers workers;
    workers.find(from.call.split, tile);
    count = workers.last - workers.first + 1;
    const float4* const all = reinterpret_cast<const float4*>(from.call.partials) +
                              from.parts.at(0, false, warp / 4, j, 0, warp % 4 * 32 + 4 * g);
    first = all + from.parts.at(workers.first, workers.second, 0, 0, 0, 0);
    next = all + from.parts.at(workers.first + 1, false, 0, 0, 0, 0);
    asm volatile("" : "+l"(first), "+l"(next), "+r"(count));  // or it is worked out behind the wait
  }

  __device__ __forceinline__ float2 load(int32_t at, const PartsOf<O>& parts) const {
    const float4 part = __ldcg(at == 0 ? first : next + int64_t(at - 1) * int32_t(parts.at(1, false, 0, 0, 0, 0)));
    return make_float2(part.x, part.z);
  }
};

// Adds up this block's share and tells all blocks: `rows`, T [group + 2][D], whose bytes `barrier` counts. wait(): for
// the kernels before; asked() runs while the first parts are on their way.
template <class T, int D, Order O, class Wait, class Asked>
__device__ __forceinline__ void tell_row(const RowOfParts<O>& from, int32_t group, int32_t kv_head, uint32_t rows,
                                         uint32_t barrier, Wait&& wait, Asked&& asked) {
  constexpr int kAhead = 16;
  const int rank = blockIdx.x, blocks = gridDim.x;
  const int32_t share = (group + 2) * (D / 2) / blocks;  // even: of at most 16 blocks
  for (int32_t round = 0; round < share; round += kAttendThreads) {
    const int32_t mine = round + int32_t(threadIdx.x);
    const RowItem<D, O> item(from, rank * share + min(mine, share - 1), group, kv_head);
    const int32_t count = mine < share ? item.count : 0;
    wait();
    float2 v[kAhead];
    float2 sum = make_float2(0, 0);
    const auto fetch = [&](int32_t base) {
#pragma unroll
      for (int a = 0; a < kAhead; ++a) {
        if (base + a < count) v[a] = item.load(base + a, from.parts);
      }
    };
    const auto add = [&](auto begins, int32_t base) {
#pragma unroll
      for (int a = 0; a < kAhead; ++a) {
        if (base + a >= count) break;
        if (decltype(begins)::value && a == 0) sum = v[0];
        else sum.x += v[a].x, sum.y += v[a].y;
      }
    };
    fetch(0);
    if (round == 0) asked();
    add(std::true_type(), 0);
#pragma unroll 1
    for (int32_t base = kAhead; base < count; base += kAhead) {
      fetch(base);
      add(std::false_type(), base);
    }
    if (from.call.bias) {
      const T* const bias = static_cast<const T*>(from.call.bias) + item.output;
      sum.x += float(bias[0]), sum.y += float(bias[item.apart]);
    }
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

// The query heads, keys and values of a few rows and one kv head, of what a product has left in parts: the blocks of a
// cluster add up and rotate a share each, and tell those that need it. Caches are brought meanwhile.
#pragma once

#include "gemm/stream/parts.cuh"
#include "ops/attention/few/attention_few_call.cuh"
#include "ops/attention/few/attention_wide.cuh"
#include "ops/attention/rope_head.cuh"
#include "ops/cluster.cuh"

namespace smq {

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

// Has the copy engine bring a chunk of pairs, keys to `keys` and values to `values`, whose tiles of columns are `apart`.
template <class Shape>
__device__ __forceinline__ void bring_pairs(const WideMaps& maps, int32_t kv_head, int32_t chunk, uint32_t shared,
                                            int keys, int values, int apart) {
  if (threadIdx.x != 0) return;
  constexpr int D = Shape::kRow / 2;
  const uint32_t full = shared + Shape::kFull;
  ptx::barrier_expect(full, 2 * kChunk * Shape::kRow);
#pragma unroll
  for (int half = 0; half < D / 64; ++half) {
    const int32_t column = kv_head * D + 64 * half;
    ptx::box_copy(shared + keys + half * apart, &maps.keys, column, chunk * kChunk, full);
    ptx::box_copy(shared + values + half * apart, &maps.values, column, chunk * kChunk, full);
  }
}
template <class Shape>
__device__ __forceinline__ void bring_chunk(const WideMaps& maps, int32_t kv_head, int32_t chunk, uint32_t shared) {
  bring_pairs<Shape>(maps, kv_head, chunk, shared, Shape::kStage, Shape::kStage + kChunk * Shape::kRow, kChunkTile);
}

// Tells 16 bytes of row i of query head e of the group, its key (e = group) or its value.
template <class Shape>
__device__ __forceinline__ void tell_unit(const FewCall& call, const FewRole& role, uint32_t shared, int32_t e, int32_t i,
                                          int32_t unit, uint4 value) {
  const uint32_t told = shared + Shape::kTold;
  const int32_t group = call.one.group.divisor;
  const auto all = [&](uint32_t to) {
#pragma unroll
    for (int block = 0; block < kFewCluster; ++block) tell(block, to, value, told);
  };
  if (e >= group) {
    all(shared + (e == group ? Shape::kKeys : Shape::kValues) + unit / 8 * (Shape::kPairs * kTileRow) +
        swizzled(i, unit % 8));
    return;
  }
  const uint32_t sign = call.one.turned ? 0x80008000 : 0;
  value = make_uint4(value.x ^ sign, value.y ^ sign, value.z ^ sign, value.w ^ sign);
  const uint32_t column = unit / 8 * (kTileRows * kTileRow);
  if (role.tail) {  // whose row it is
    const int32_t in = i - role.rows_from, owner = role.each == 1 ? in : in / kTailRows;
    const int32_t row = (in - owner * role.each) * role.heads + e - role.head_from;
    tell(owner, shared + column + swizzled(row, unit % 8), value, told);
  } else {
    const int32_t row = e * call.padded + i;
    all(shared + row / kTileRows * (kTileRows * Shape::kRow) + column + swizzled(row % kTileRows, unit % 8));
  }
}

// All of that; false where a cluster has no chunk to attend to. Bytes that are told end on the barrier kTold.
template <class T, int D, Order O, class Shape>
__device__ __forceinline__ bool tell_heads(const FewCall& call, const FewRole& role, const WideMaps& maps,
                                           uint8_t* memory, FewText& text) {
  using At = TileOutputs<O>;
  constexpr int kItemWarps = D / (At::kTile / kAttendWarps);  // that add up and rotate a head of 8 rows
  constexpr int kItems = kAttendWarps / kItemWarps, kTurns = 8 / kItemWarps, kApart = D + 8, kUnitsRow = D / 8;
  static_assert(kItems * 8 * kApart * int(sizeof(T)) <= Shape::kRaw, "room for what is added up at once");
  const AttentionArgs& args = call.one.args;
  const RopeKv& rope = call.rope;
  const int32_t group = call.one.group.divisor;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, team = warp / kItemWarps, place = warp % kItemWarps;
  const uint32_t shared = ptx::shared_address(memory);
  FewRow* const lists = reinterpret_cast<FewRow*>(memory + Shape::kLists);
  T* const raw = reinterpret_cast<T*>(memory + (role.tail ? Shape::kTailWeights : Shape::kWeights)) + team * (8 * kApart);
  const int32_t queries = role.heads * (role.by_rows ? 1 : role.row_chunks);
  const int32_t items = role.tail ? queries + 2 * role.row_chunks : queries;
  bool begins = true;
#pragma unroll 1
  for (int32_t turn = 0; turn < items; turn += kFewCluster * kItems) {
    // Heads of the group, then the key, then the value; of 8 rows each.
    const int32_t item = turn + team * kFewCluster + role.rank, beyond = item - queries;
    const bool has_item = item < items;
    const int32_t shift = role.row_chunks - 1;
    int32_t e = 0, c = 0;
    if (has_item && beyond >= 0) e = group + (beyond >> shift), c = beyond & shift;
    else if (has_item && role.by_rows) e = item, c = role.cluster;
    else if (has_item) e = role.head_from + (item >> shift), c = item & shift;
    const int32_t head = e < group ? role.kv_head * group + e : rope.heads + role.kv_head + (e - group) * rope.kv_heads;
    const int32_t tile = head * D / At::kTile, tile_warp = head * D % At::kTile / (At::kTile / kAttendWarps) + place;
    const int part_group = tile_warp / 4, part_thread = tile_warp % 4 * 32 + lane;
    TileWorkers workers;
    workers.find(call.product.split, tile);
    PartsHere<O, float> here[1] = {{call.product, PartsOf<O>{call.chunks}, workers, part_group, part_thread, c}};
    if (!has_item) here[0].count = 0;
    if (begins) {
      cluster_wait();
      wait_for_previous();
      let_next_start();  // the merge reads masks and the length before it waits
    }
    float sums[1][PartsOf<O>::kOperands][4];
    int32_t depths[kTurns];
    uint64_t word = 0;
    constexpr int kAhead = PartsOf<O>::kOperands == 1 ? 12 : 7;
    sum_parts<kAhead>(sums, here, [&] {  // on their way beside the parts
#pragma unroll
      for (int r = 0; r < kTurns; ++r) {
        const int32_t i = 8 * c + place + r * kItemWarps;
        depths[r] = rope.depths && i < args.m ? __ldcg(rope.depths + i) : i;
      }
      if (!begins) return;
      text.length = __ldcg(args.cache_length);
      if (role.tail && args.mask && int32_t(threadIdx.x) < role.rows) word = __ldcg(args.mask + role.first + threadIdx.x);
    });
    Angles<2, 1> angles[kTurns];
#pragma unroll
    for (int r = 0; r < kTurns; ++r) angles[r] = Angles<2, 1>(rope_row(rope, text.length, depths[r]), D);
    if (has_item) {
      each_pack<O>(call.product, part_group, part_thread, c, [&](int row, int column, int p, int output) {
        const auto sum = At::template pack<T>(call.product, sums[0], tile * At::kTile + output, p, column);
        Pack<T, At::kWidth> rounded;
#pragma unroll
        for (int i = 0; i < At::kWidth; ++i) rounded.e[i] = narrow<T>(sum.e[i]);
        store(raw + row * kApart + (tile * At::kTile + output - head * D), rounded);
      });
    }
    if (begins) {
      text.find(args);
      if (!role.tail && role.cluster * kFewCluster >= text.fence) return false;  // all blocks of the cluster
      if (role.tail && int32_t(threadIdx.x) < role.rows) {
        const int32_t room = args.slots - text.committed;
        const uint64_t within = room <= 0 ? 0 : room < 64 ? word & ((uint64_t(1) << room) - 1) : word;
        const int32_t count = args.mask ? text.committed + __popcll(within)
                                        : row_count(args, text.committed, role.first + int32_t(threadIdx.x));
        lists[threadIdx.x] = {count, 0, word};
      }
      if (!role.tail && role.first_chunk() < text.fence) {
        bring_chunk<Shape>(maps, role.kv_head, role.first_chunk(), shared);
      } else if (role.tail && text.older > text.fence * kChunk) {
        // Older pairs of the chunk that this forward's begin in.
        constexpr int kBehind = kMostFew * kTileRow;
        bring_pairs<Shape>(maps, role.kv_head, text.fence, shared, kBehind + Shape::kKeys, kBehind + Shape::kValues,
                           Shape::kPairs * kTileRow);
      }
    }
    begins = false;
    tile_barrier<kItemWarps>(team);
    const bool writes = role.writes(e, c, group);
    if (has_item && e <= group) {
#pragma unroll
      for (int r = 0; r < kTurns; ++r) {
        const int32_t row = place + r * kItemWarps, i = 8 * c + row;
        if (i >= args.m) continue;
        HeadPart<T, 2, 1> part;
        part.fetch(raw + row * kApart, D);
        // The product's own outputs; queries are overwritten.
        if (writes && e == group) part.keep(static_cast<T*>(rope.qkv) + i * args.qkv_row() + int64_t(head) * D, D);
        part.rotate(static_cast<const T*>(e < group ? rope.q_norm : rope.k_norm), angles[r], D, rope.eps);
        part.keep(raw + row * kApart, D);
      }
    }
    tile_barrier<kItemWarps>(team);
    // 16 bytes a thread.
    for (int at = place * 32 + lane; has_item && at < 8 * kUnitsRow; at += kItemWarps * 32) {
      const int32_t row = at / kUnitsRow, unit = at % kUnitsRow, i = 8 * c + row;
      if (i >= args.m) break;
      const uint4 sixteen = *reinterpret_cast<const uint4*>(raw + row * kApart + 8 * unit);
      tell_unit<Shape>(call, role, shared, e, i, unit, sixteen);
      if (!writes) continue;
      if (e != group) {
        T* const in_qkv = static_cast<T*>(rope.qkv) + i * args.qkv_row() + int64_t(head) * D + 8 * unit;
        *reinterpret_cast<uint4*>(in_qkv) = sixteen;
      }
      const int64_t slot = int64_t(text.length) + rope.slot_offset + i;
      if (e < group || slot < 0 || slot >= rope.slots) continue;
      T* const cache = static_cast<T*>(e == group ? rope.k_cache : rope.v_cache);
      *reinterpret_cast<uint4*>(cache + (slot * rope.kv_heads + role.kv_head) * D + 8 * unit) = sixteen;
    }
    if (turn + kFewCluster * kItems < items) tile_barrier<kItemWarps>(team);  // raw sums are read no more
  }
  // Bytes may come before they are expected; no thread but this one arrives.
  if (threadIdx.x == 0) {
    const int32_t rows = role.tail ? role.rows * role.heads + 2 * args.m : args.m * group;
    ptx::barrier_expect(shared + Shape::kTold, rows * Shape::kRow);
  }
  return true;
}

#endif

}  // namespace smq

// Attention of 2 to 16 rows in a short cache, behind a product that has left them in parts, as one kernel and a merge
// (sm_90): clusters of blocks take a kv head. Each adds up the parts of the heads that it needs, a share a block,
// rotates them, and tells the other blocks. Some clusters then meet chunks that all rows see whole, a block one after
// the other; one, which also writes what smq_rope_kv writes, has the chunks that pairs of this forward lie in, a block
// some of the rows. The order of arithmetic is that of rope_parts.cu, attention_decode.cuh and attention_tail.cuh, and
// so are the bits. Blocks are small enough to start beside a product's.
#pragma once

#include "gemm/parts.cuh"
#include "ops/attention_few_fits.cuh"
#include "ops/attention_launch.cuh"
#include "ops/cluster.cuh"
#include "ops/rope_head.cuh"

namespace smq {

// What a launch knows.
struct FewCall {
  DecodeCall one;
  RopeKv rope;
  StreamCall product;
  int32_t chunks;         // of 8 rows, that its kernel computes
  int32_t padded;         // rows of a head's queries in shared memory, 8 or 16
  int32_t clusters;       // of a kv head, for the chunks that all rows see whole
  int32_t tail_clusters;  // for those that pairs of this forward lie in; two of them share the rows, or the heads
};

// Shared memory of a block: of shared chunks, or of those that pairs of this forward lie in.
template <int D, int Sharers>
struct FewShape {
  using Chunk = AttendShape<D, Sharers, 1>;
  static constexpr int kRow = 2 * D;
  static constexpr int kRaw = kAttendWarps * 16 * 2 * 8 * 2 + 4 * 8 * 16;  // sums as they come, of any order
  // Of shared chunks.
  static constexpr int kStage = Chunk::kQueries;  // offsets; queries come first
  static constexpr int kWeights = kStage + Chunk::kStage;
  static constexpr int kChunkEnd = kWeights + (Chunk::kShared > kRaw ? Chunk::kShared : kRaw);
  // Of the others. Pairs of this forward come first, then up to a chunk of older ones.
  static constexpr int kPairs = kMostFew + kChunk, kPlacesRow = 2 * kChunk;
  static constexpr int kKeys = kTileRows * kRow, kValues = kKeys + kPairs * kRow, kZeros = kValues + kPairs * kRow;
  static constexpr int kTailWeights = kZeros + kTileRow;
  static constexpr int kTailShared = kTailRows * kWeightBytes + kAttendWarps * kTileRows * int(sizeof(float));
  static constexpr int kPlaces = kTailWeights + (kTailShared > kRaw ? kTailShared : kRaw);
  static constexpr int kLists = kPlaces + kTailRows * kPlacesRow * int(sizeof(int16_t));
  static constexpr int kTailEnd = kLists + kTailRows * 16;
  static constexpr int kTold = ((kChunkEnd > kTailEnd ? kChunkEnd : kTailEnd) + 15) / 16 * 16;
  static constexpr int kBytes = kTold + 16;
};

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

// A row of a tail block.
struct FewRow {
  int32_t count, unused;
  uint64_t word;  // of its mask
};

// Writes a lane's outputs of row g (r = 0) or g + 8 of a tile, 8 j + 2 t, + 1 of those from `to` on: four at a time, which
// neighbouring lanes have of two j.
template <int N>
__device__ __forceinline__ void keep_outputs(float* to, const float (&values)[N][4], int r) {
  const int t = threadIdx.x % 4;
  if constexpr (N % 2 == 1) {
    if (!to) return;
#pragma unroll
    for (int j = 0; j < N; ++j) {
      *reinterpret_cast<float2*>(to + 8 * j + 2 * t) = make_float2(values[j][2 * r], values[j][2 * r + 1]);
    }
  } else {
    const bool odd = t % 2;
#pragma unroll
    for (int j = 0; j < N; j += 2) {
      const float *const first = values[j] + 2 * r, *const second = values[j + 1] + 2 * r;
      const float x = __shfl_xor_sync(~0u, odd ? first[0] : second[0], 1);
      const float y = __shfl_xor_sync(~0u, odd ? first[1] : second[1], 1);
      const float4 four = odd ? make_float4(x, y, second[0], second[1]) : make_float4(first[0], first[1], x, y);
      if (to) *reinterpret_cast<float4*>(to + 8 * (j + odd) + 2 * (t - odd)) = four;
    }
  }
}

// What a chunk of a list gives for a tile of query rows, by `Sharers` warps: what TileSums does of a chunk that lies in
// order. Its pairs are at `places` among the keys and values in shared memory, -1 for none. shared: a tile's weights;
// tops: of all warps; piece(row): where a row of the tile has its sums, or -1.
template <class T, int D, int Sharers, class Shape, class Piece>
__device__ __forceinline__ void attend_places(const DecodeCall& call, const int16_t* places, uint32_t memory,
                                              uint8_t* weights_at, float* tops, Piece&& piece) {
  constexpr int kBlocks = 8 / Sharers, kOutputs = D / 8 / Sharers;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  const int team = warp / Sharers, place = warp % Sharers;
  const auto row_of = [&](uint32_t pairs, int at) { return at < 0 ? memory + Shape::kZeros : pairs + at * kTileRow; };
  constexpr int kApart = Shape::kPairs * kTileRow;  // of tiles of 64 columns
  float scores[kBlocks][4] = {};
  uint32_t key_row[kBlocks];
  int key_turn[kBlocks], key_apart[kBlocks];
#pragma unroll
  for (int n = 0; n < kBlocks; ++n) {
    const int at = places[8 * (place * kBlocks + n) + lane % 8];
    key_row[n] = row_of(memory + Shape::kKeys, at);
    key_turn[n] = at < 0 ? 0 : at % 8, key_apart[n] = at < 0 ? 0 : kApart;
  }
#pragma unroll
  for (int s = 0; s < D / 32; ++s) {
    uint32_t query[2][4];
#pragma unroll
    for (int step = 0; step < 2; ++step) {
      ptx::load_matrix4(query[step], memory + s / 2 * kTileRows * kTileRow +
                                         swizzled(lane % 16, s % 2 * 4 + 2 * step + lane / 16));
    }
#pragma unroll
    for (int n = 0; n < kBlocks; ++n) {
      uint32_t key[4];
      ptx::load_matrix4(key, key_row[n] + s / 2 * key_apart[n] + ((s % 2 * 4 + lane / 8 ^ key_turn[n]) << 4));
      ptx::mma(scores[n], query[0], key[0], key[1], T());
      ptx::mma(scores[n], query[1], key[2], key[3], T());
    }
  }
#pragma unroll
  for (int n = 0; n < kBlocks; ++n) {
    const short2 two = *reinterpret_cast<const short2*>(places + 8 * (place * kBlocks + n) + 2 * t);
    if (two.x < 0) scores[n][0] = scores[n][2] = kNone;
    if (two.y < 0) scores[n][1] = scores[n][3] = kNone;
  }
  float top[2] = {__fmul_rn(largest(scores, 0), call.scale), __fmul_rn(largest(scores, 1), call.scale)};
  if (t < 2) tops[warp * kTileRows + g + 8 * t] = t == 0 ? top[0] : top[1];
  tile_barrier<Sharers>(team);
#pragma unroll
  for (int w = 0; w < Sharers; ++w) {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const float other = tops[(team * Sharers + w) * kTileRows + g + 8 * r];
      top[r] = w == 0 ? other : larger(top[r], other);
    }
  }
  uint32_t mine[kBlocks][2];
  weigh<T>(mine, scores, call.scale, top);
  keep_weights(weights_at, mine, place * kBlocks);
  const int low = places[lane], high = places[32 + lane];
  const uint32_t low_row = row_of(memory + Shape::kValues, low), high_row = row_of(memory + Shape::kValues, high);
  const int low_turn = low < 0 ? 0 : low % 8, high_turn = high < 0 ? 0 : high % 8;
  tile_barrier<Sharers>(team);
  Weights weights;
  load_weights(weights, weights_at);
  Softmax softmax[2];
  softmax[0].top = top[0];
  softmax[1].top = top[1];
  sum_weights<T>(softmax, weights);
  float runs[kOutputs][4];
#pragma unroll
  for (int j = 0; j < kOutputs; ++j) {
    const int unit = place * kOutputs + j;
    uint32_t operands[kChunk / 16][2];
    const auto load = [&](int half, uint32_t row, int turn, bool held) {
      asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                   : "=r"(operands[2 * half][0]), "=r"(operands[2 * half][1]), "=r"(operands[2 * half + 1][0]),
                     "=r"(operands[2 * half + 1][1])
                   : "r"(row + (held ? unit / 8 * kApart : 0) + ((unit % 8 ^ turn) << 4))
                   : "memory");
    };
    load(0, low_row, low_turn, low >= 0);
    load(1, high_row, high_turn, high >= 0);
    weigh_values<T>(runs[j], weights, operands);
  }
#pragma unroll
  for (int e = 0; e < 2; ++e) {
    const int64_t index = piece(g + 8 * e);
    keep_outputs(index < 0 ? nullptr : call.pieces.values + index * call.pieces.width + place * kOutputs * 8, runs, e);
    if (index >= 0 && place == 0 && t == 0) call.pieces.softmax[index] = make_float2(softmax[e].top, softmax[e].sum);
  }
}

template <class T, int D, Order O, int Sharers>
__device__ __forceinline__ void attend_few(const FewCall& call, uint8_t* memory) {
  using Shape = FewShape<D, Sharers>;
  using Chunk = typename Shape::Chunk;
  using At = TileOutputs<O>;
  constexpr int kItemWarps = D / (At::kTile / kAttendWarps);  // that add up and rotate a head of 8 rows
  constexpr int kItems = kAttendWarps / kItemWarps, kTurns = 8 / kItemWarps, kApart = D + 8, kUnitsRow = D / 8;
  static_assert(kItems * 8 * kApart * int(sizeof(T)) <= Shape::kRaw, "room for what is added up at once");
  const DecodeCall& one = call.one;
  const AttentionArgs& args = one.args;
  const RopeKv& rope = call.rope;
  const int32_t rank = blockIdx.x, kv_head = blockIdx.y, group = one.group.divisor;
  // Those with more to do come first.
  const bool tail = int32_t(blockIdx.z) < call.tail_clusters;
  const int32_t cluster = tail ? int32_t(blockIdx.z) : int32_t(blockIdx.z) - call.tail_clusters;
  const int32_t chunk_step = kFewCluster * call.clusters, first_chunk = cluster * kFewCluster + rank;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const uint32_t shared = ptx::shared_address(memory), told = shared + Shape::kTold;
  const auto depth_of = [&](int32_t i) { return rope.depths && i < args.m ? __ldcg(rope.depths + i) : i; };
  if (threadIdx.x == 0) {
    ptx::barrier_init(told, 1);
    ptx::barrier_init_fence();
  }
  cluster_arrive();
  const int32_t row_chunks = call.padded / 8;
  // What a cluster of the tail takes of rows and of heads, and this block of the rows.
  const bool by_rows = call.tail_clusters > 1 && row_chunks > 1, by_heads = call.tail_clusters > 1 && row_chunks == 1;
  const int32_t rows_from = tail && by_rows ? 8 * cluster : 0, rows_here = tail && by_rows ? min(8, args.m - rows_from) : args.m;
  const int32_t half = (group + 1) / 2, head_from = tail && by_heads ? cluster * half : 0;
  const int32_t heads = tail && by_heads ? min(half, group - head_from) : group;
  const int32_t each = (rows_here + kFewCluster - 1) / kFewCluster, first = rows_from + min(rank * each, rows_here);
  const int32_t rows = min(each, rows_from + rows_here - first);
  const bool writes = tail && (by_rows || cluster == 0);  // keys and values
  FewRow* const lists = reinterpret_cast<FewRow*>(memory + Shape::kLists);
  T* const raw = reinterpret_cast<T*>(memory + (tail ? Shape::kTailWeights : Shape::kWeights)) +
                 warp / kItemWarps * (8 * kApart);
  const auto index_of = [&](int32_t i, int32_t e) { return kv_head * one.rows + i * group + e; };
  // Queries that nobody tells.
  const auto clear_queries = [&] {
    const int32_t tile_rows = tail ? kTileRows : Chunk::kTiles * kTileRows;
    for (int at = threadIdx.x; at < tile_rows * kUnitsRow; at += kAttendThreads) {
      const int row = at / kUnitsRow, unit = at % kUnitsRow;
      const bool held = tail ? row < rows * heads : row < group * call.padded && (row & (call.padded - 1)) < args.m;
      if (held) continue;
      *reinterpret_cast<uint4*>(memory + row / kTileRows * (kTileRows * Shape::kRow) +
                                unit / 8 * (kTileRows * kTileRow) + swizzled(row % kTileRows, unit % 8)) =
          make_uint4(0, 0, 0, 0);
    }
    if (tail && threadIdx.x < kTileRow / 16) {
      reinterpret_cast<uint4*>(memory + Shape::kZeros)[threadIdx.x] = make_uint4(0, 0, 0, 0);
    }
  };
  int32_t length = 0;            // of the cache
  int32_t fence = 0, older = 0;  // the first chunk that pairs of this forward may lie in; the first of their slots
  const int32_t queries = tail ? heads * (by_rows ? 1 : row_chunks) : group * row_chunks;
  const int32_t items = tail ? queries + 2 * row_chunks : queries;
  bool begins = true;
#pragma unroll 1
  for (int32_t turn = 0; turn < items; turn += kFewCluster * kItems) {
    // Heads of the group, then the key, then the value; of 8 rows each.
    const int32_t item = turn + warp / kItemWarps * kFewCluster + rank, place = warp % kItemWarps;
    const bool has_item = item < items;
    const int32_t shift = row_chunks - 1, pair = item - queries;
    int32_t e = 0, c = 0;
    if (has_item && pair >= 0) e = group + (pair >> shift), c = pair & shift;
    else if (has_item && tail && by_rows) e = item, c = cluster;
    else if (has_item) e = head_from + (item >> shift), c = item & shift;
    const int32_t head = e < group ? kv_head * group + e : rope.heads + kv_head + (e - group) * rope.kv_heads;
    const int32_t of_tile = head * D / At::kTile, tile_warp = head * D % At::kTile / (At::kTile / kAttendWarps) + place;
    const int part_group = tile_warp / 4, part_thread = tile_warp % 4 * 32 + lane;
    TileWorkers workers;
    workers.find(call.product.split, of_tile);
    PartsHere<O, float> here[1] = {{call.product, PartsOf<O>{call.chunks}, workers, part_group, part_thread, c}};
    if (!has_item) here[0].count = 0;
    if (begins) {
      clear_queries();
      cluster_wait();
      wait_for_previous();
      let_next_start();
    }
    float sums[1][PartsOf<O>::kOperands][4];
    int32_t depths[kTurns];
    uint64_t word = 0;
    constexpr int kAhead = PartsOf<O>::kOperands == 1 ? 12 : 7;
    sum_parts<kAhead>(sums, here, [&] {  // on their way beside the parts
#pragma unroll
      for (int r = 0; r < kTurns; ++r) depths[r] = depth_of(8 * c + place + r * kItemWarps);
      if (!begins) return;
      length = __ldcg(args.cache_length);
      if (tail && args.mask && int32_t(threadIdx.x) < rows) word = __ldcg(args.mask + first + threadIdx.x);
    });
    Angles<2, 1> angles[kTurns];
#pragma unroll
    for (int r = 0; r < kTurns; ++r) angles[r] = Angles<2, 1>(rope_row(rope, length, depths[r]), D);
    if (has_item) {
      each_pack<O>(call.product, part_group, part_thread, c, [&](int row, int column, int p, int output) {
        const auto sum = At::template pack<T>(call.product, sums[0], of_tile * At::kTile + output, p, column);
        Pack<T, At::kWidth> rounded;
#pragma unroll
        for (int i = 0; i < At::kWidth; ++i) rounded.e[i] = narrow<T>(sum.e[i]);
        store(raw + row * kApart + (of_tile * At::kTile + output - head * D), rounded);
      });
    }
    if (begins) {
      const int32_t committed = min(max(length, 0), args.slots);
      older = args.mask ? committed : min(max(committed + args.slot_offset, 0), args.slots);
      fence = older / kChunk;
      if (!tail && cluster * kFewCluster >= fence) return;  // all blocks of the cluster
      if (tail) {
        if (int32_t(threadIdx.x) < rows) {
          const int32_t room = args.slots - committed;
          const uint64_t within = room <= 0 ? 0 : room < 64 ? word & ((uint64_t(1) << room) - 1) : word;
          const int32_t count =
              args.mask ? committed + __popcll(within) : row_count(args, committed, first + int32_t(threadIdx.x));
          lists[threadIdx.x] = {count, 0, word};
        }
        // Older pairs of the chunk that this forward's begin in.
        const int unit = threadIdx.x % kUnitsRow;
        const int64_t column = int64_t(kv_head) * D + 8 * unit;
#pragma unroll 1
        for (int pair = threadIdx.x / kUnitsRow; pair < older - fence * kChunk; pair += kAttendThreads / kUnitsRow) {
          const int64_t offset = (int64_t(fence) * kChunk + pair) * args.kv_row() + column;
          const uint32_t to = shared + unit / 8 * (Shape::kPairs * kTileRow) + swizzled(kMostFew + pair, unit % 8);
          ptx::copy16(to + Shape::kKeys, static_cast<const uint16_t*>(args.k_cache) + offset, 16);
          ptx::copy16(to + Shape::kValues, static_cast<const uint16_t*>(args.v_cache) + offset, 16);
        }
      } else if (first_chunk < fence) {
        copy_chunk<D>(shared + Shape::kStage, args, kv_head, first_chunk, 0);
      }
      ptx::commit_copies();
    }
    begins = false;
    tile_barrier<kItemWarps>(warp / kItemWarps);
    if (has_item) {
#pragma unroll
      for (int r = 0; r < kTurns; ++r) {
        const int32_t row = place + r * kItemWarps, i = 8 * c + row;
        if (i >= args.m || e > group) continue;
        HeadPart<T, 2, 1> part;
        part.fetch(raw + row * kApart, D);
        // The product's own outputs; queries are overwritten.
        if (writes && e == group) part.keep(static_cast<T*>(rope.qkv) + i * args.qkv_row() + int64_t(head) * D, D);
        part.rotate(static_cast<const T*>(e < group ? rope.q_norm : rope.k_norm), angles[r], D, rope.eps);
        part.keep(raw + row * kApart, D);
      }
    }
    tile_barrier<kItemWarps>(warp / kItemWarps);
    // 16 bytes a thread, to whom they concern.
    for (int at = place * 32 + lane; has_item && at < 8 * kUnitsRow; at += kItemWarps * 32) {
      const int32_t row = at / kUnitsRow, unit = at % kUnitsRow, i = 8 * c + row;
      if (i >= args.m) break;
      const uint4 sixteen = *reinterpret_cast<const uint4*>(raw + row * kApart + 8 * unit);
      if (e >= group) {
        const uint32_t to = shared + (e == group ? Shape::kKeys : Shape::kValues) +
                            unit / 8 * (Shape::kPairs * kTileRow) + swizzled(i, unit % 8);
#pragma unroll
        for (int block = 0; block < kFewCluster; ++block) tell(block, to, sixteen, told);
      } else {
        const uint32_t sign = one.turned ? 0x80008000 : 0;
        const uint4 query = make_uint4(sixteen.x ^ sign, sixteen.y ^ sign, sixteen.z ^ sign, sixteen.w ^ sign);
        const uint32_t column = unit / 8 * (kTileRows * kTileRow);
        if (tail) {
          const int32_t in = i - rows_from, owner = each == 1 ? in : in / kTailRows;
          tell(owner, shared + column + swizzled((in - owner * each) * heads + e - head_from, unit % 8), query, told);
        } else {
          const int32_t packed = e * call.padded + i;
          const uint32_t to = shared + packed / kTileRows * (kTileRows * Shape::kRow) + column +
                              swizzled(packed % kTileRows, unit % 8);
#pragma unroll
          for (int block = 0; block < kFewCluster; ++block) tell(block, to, query, told);
        }
      }
      T* const in_qkv = static_cast<T*>(rope.qkv) + i * args.qkv_row() + int64_t(head) * D + 8 * unit;
      if (e < group ? tail : e > group && writes) *reinterpret_cast<uint4*>(in_qkv) = sixteen;
      if (writes && e >= group) {
        const int64_t slot = int64_t(length) + rope.slot_offset + i;
        T* const cache = static_cast<T*>(e == group ? rope.k_cache : rope.v_cache);
        if (slot >= 0 && slot < rope.slots) {
          *reinterpret_cast<uint4*>(cache + (slot * rope.kv_heads + kv_head) * D + 8 * unit) = sixteen;
        }
      }
    }
    if (turn + kFewCluster * kItems < items) tile_barrier<kItemWarps>(warp / kItemWarps);  // raw sums are read no more
  }
  // Bytes may come before they are expected; no thread but this one arrives.
  if (threadIdx.x == 0) ptx::barrier_expect(told, (tail ? rows * heads + 2 * args.m : args.m * group) * Shape::kRow);
  if (!tail) {
    const int tile = warp / Sharers, g = lane / 4;
    const bool active = tile * kTileRows < group * call.padded;
    // Where the sums of this lane's two rows go, without the chunk.
    float* to_values[2] = {};
    float2* to_softmax[2];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int32_t packed = tile * kTileRows + g + 8 * r, e = packed >> (row_chunks + 2), i = packed & (call.padded - 1);
      if (i >= args.m || e >= group) continue;
      const int64_t index = one.pieces.index(index_of(i, e), 0, 0);
      to_values[r] = one.pieces.values + index * one.pieces.width + warp % Sharers * Chunk::kOutputs;
      to_softmax[r] = one.pieces.softmax + index;
    }
    ptx::barrier_wait(told, 0);
    for (int32_t chunk = first_chunk; chunk < fence; chunk += chunk_step) {
      ptx::wait_copies<0>();
      __syncthreads();
      TileSums<T, D, Sharers, 1> sums;
      if (active) {
        sums.clear();
        const int32_t none[1][2] = {};
        sums.take(memory + Shape::kStage, memory + tile * kTileRows * Shape::kRow, memory + Shape::kWeights, one.scale,
                  false, none, kChunk);
      }
      if (chunk + chunk_step < fence) {
        __syncthreads();  // the stage is read no more
        copy_chunk<D>(shared + Shape::kStage, args, kv_head, chunk + chunk_step, 0);
        ptx::commit_copies();
      }
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        keep_outputs(to_values[r] ? to_values[r] + int64_t(chunk) * one.pieces.width : nullptr, sums.values[0], r);
        if (to_values[r] && warp % Sharers == 0 && lane % 4 == 0) {
          to_softmax[r][chunk] = make_float2(sums.softmax[0][r].top, sums.softmax[0][r].sum);
        }
      }
    }
    return;
  }
  const int32_t committed = min(max(length, 0), args.slots), base = fence * kChunk;
  const int32_t shared_chunks = (args.mask ? committed : row_count(args, committed, 0)) / kChunk;
  __syncthreads();  // lists
  int32_t most = 0;
  bool odd = false;  // whether some row sees a slot behind those of this forward
  for (int32_t r = 0; r < rows; ++r) {
    most = max(most, lists[r].count);
    odd = odd || (args.mask && lists[r].word >> args.m != 0);
  }
  int16_t* const places = reinterpret_cast<int16_t*>(memory + Shape::kPlaces);
  // Where a pair lies here: those of this forward first. The older ones are in the order of slots; those of an odd list
  // are copied chunk by chunk, in the list's order.
  const auto kept = [&](int32_t slot, int32_t in_order) {
    const int32_t row = slot - older;
    return int16_t(row >= 0 && row < args.m ? row : kMostFew + in_order);
  };
  for (int32_t at = threadIdx.x; !odd && at < rows * Shape::kPlacesRow; at += kAttendThreads) {
    const int32_t r = at / Shape::kPlacesRow, index = base + at % Shape::kPlacesRow;
    const bool tree = args.mask && index >= committed;  // below
    places[at] = !tree && index < lists[r].count ? kept(index, index - base) : int16_t(-1);
  }
  if (args.mask && !odd) {
    __syncthreads();
    for (int32_t at = threadIdx.x; at < rows * 64; at += kAttendThreads) {
      const int32_t r = at / 64, bit = at % 64;
      const uint64_t word = lists[r].word;
      const int32_t index = committed + __popcll(word & ((uint64_t(1) << bit) - 1));
      if ((word >> bit & 1) && index < lists[r].count) places[r * Shape::kPlacesRow + index - base] = int16_t(bit);
    }
  }
  ptx::barrier_wait(told, 0);
  const int32_t chunks = (most - base + kChunk - 1) / kChunk;
  float* const tops = reinterpret_cast<float*>(memory + Shape::kTailWeights + kTailRows * kWeightBytes);
  // Row r's chunk c, by so many warps.
  const auto attend = [&](auto sharers, int32_t r, int32_t c) {
    const int32_t chunk = fence + c;
    if (chunk * kChunk >= lists[r].count) return;  // the row has fewer
    const auto piece = [&](int row) {
      const int32_t e = row - r * heads;
      if (e < 0 || e >= heads) return int64_t(-1);
      const int32_t index = index_of(first + r, head_from + e);
      return chunk < shared_chunks ? one.pieces.index(index, 0, chunk)
                                   : one.pieces.tail_index(index, chunk - shared_chunks);
    };
    constexpr int kWarps = decltype(sharers)::value;
    attend_places<T, D, kWarps, Shape>(one, places + r * Shape::kPlacesRow + c * kChunk, shared,
                                       memory + Shape::kTailWeights + warp / kWarps * kWeightBytes, tops, piece);
  };
  if (!odd) {
    ptx::wait_copies<0>();
    __syncthreads();
    for (int32_t c = 0; c < chunks; ++c) {
      if (rows > 1) attend(std::integral_constant<int, 4>(), warp / 4, c);
      else attend(std::integral_constant<int, 8>(), 0, c);
    }
    return;
  }
  for (int32_t round = 0; round < rows * chunks; ++round) {
    const int32_t r = round / chunks, c = round % chunks, count = lists[r].count;
    __syncthreads();  // the pairs before are read no more
    for (int at = threadIdx.x; at < kChunk * kUnitsRow; at += kAttendThreads) {
      const int pair = at / kUnitsRow, unit = at % kUnitsRow;
      const int32_t index = base + c * kChunk + pair;
      const int32_t slot = index < count ? row_slot(args, committed, first + r, index) : -1;
      if (unit == 0) places[r * Shape::kPlacesRow + c * kChunk + pair] = slot < 0 ? int16_t(-1) : kept(slot, pair);
      if (slot < 0 || (slot >= older && slot < older + args.m)) continue;
      const int64_t offset = slot * args.kv_row() + int64_t(kv_head) * D + 8 * unit;
      const uint32_t to = shared + unit / 8 * (Shape::kPairs * kTileRow) + swizzled(kMostFew + pair, unit % 8);
      ptx::copy16(to + Shape::kKeys, static_cast<const uint16_t*>(args.k_cache) + offset, 16);
      ptx::copy16(to + Shape::kValues, static_cast<const uint16_t*>(args.v_cache) + offset, 16);
    }
    ptx::commit_copies();
    ptx::wait_copies<0>();
    __syncthreads();
    attend(std::integral_constant<int, 8>(), r, c);
  }
}

#endif

template <class T, int D, Order O, int Sharers>
__global__ void __maxnreg__(kRegistersBesideProduct) attend_few_kernel(const __grid_constant__ FewCall call) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  extern __shared__ __align__(128) uint8_t memory[];
  attend_few<T, D, O, Sharers>(call, memory);
#endif
}

template <class T, int D, Order O, int Sharers>
void launch_few(smq_context* ctx, const FewCall& call) {
  const auto kernel = attend_few_kernel<T, D, O, Sharers>;
  prefer_shared(kernel);
  const AttentionArgs& args = call.one.args;
  launch_clusters(ctx, kFewCluster, kernel, dim3(kFewCluster, unsigned(args.kv_heads), unsigned(call.tail_clusters + call.clusters)),
                  dim3(kAttendThreads), size_t(FewShape<D, Sharers>::kBytes), call);
}

// With the rotation that waits.
template <int D>
int32_t attention_of_few(smq_context* ctx, const AttentionArgs& args) {
  if (const cudaError_t error = use_device(ctx->device)) return cuda_status(ctx, error, "attention");
  const RopeKv rope = *ctx->rotation;
  ctx->rotation.reset();
  const Parts parts = take_parts(ctx);
  // Rows of a block of the tail, and of a cluster's heads of 8 rows, no more than one turn takes.
  const int tail_clusters = args.m > kTailRows * kFewCluster || args.group() > kTailHeads ? 2 : 1;
  const FewCall call{DecodeCall(args, kAttendWarps, true), rope, parts.call, parts.rows / 8, few_padded(args.m),
                     few_clusters(ctx, args.kv_heads, args.slots), tail_clusters};
  const bool pairs_of_tiles = call.padded * args.group() <= 2 * kTileRows;
  with_half(args.dtype, [&](auto type) {
    using T = decltype(type);
    if (parts.order == Order::kNatural) {
      if (pairs_of_tiles) launch_few<T, D, Order::kNatural, 4>(ctx, call);
      else launch_few<T, D, Order::kNatural, 2>(ctx, call);
    } else {
      if (pairs_of_tiles) launch_few<T, D, Order::kFours, 4>(ctx, call);
      else launch_few<T, D, Order::kFours, 2>(ctx, call);
    }
    launch_merge<T>(ctx, call.one);
  });
  return launched(ctx, "attention");
}

}  // namespace smq

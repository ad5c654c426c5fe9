// What the kernel of attention of a few rows knows, at launch and from the cache length, and who of its blocks does what.
#pragma once

#include "gemm/stream_call.cuh"
#include "ops/attention/attention_few_fits.cuh"
#include "ops/attention/few/attention_decode.cuh"

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

// A row of a tail block.
struct FewRow {
  int32_t count, unused;
  uint64_t word;  // of its mask
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
  static constexpr int kTops = kTailWeights + kTailRows * kWeightBytes;
  static constexpr int kTailShared = kTops - kTailWeights + kAttendWarps * kTileRows * int(sizeof(float));
  static constexpr int kPlaces = kTailWeights + (kTailShared > kRaw ? kTailShared : kRaw);
  static constexpr int kLists = kPlaces + kTailRows * kPlacesRow * int(sizeof(int16_t));
  static constexpr int kTailEnd = kLists + kTailRows * int(sizeof(FewRow));
  // Barriers: of what other blocks tell, and of what the copy engine brings.
  static constexpr int kTold = ((kChunkEnd > kTailEnd ? kChunkEnd : kTailEnd) + 15) / 16 * 16;
  static constexpr int kFull = kTold + 8;
  static constexpr int kBytes = kTold + 16;
};

// What a block has to do. Tails have more to do, and come first.
struct FewRole {
  int32_t rank, kv_head, cluster;
  bool tail, by_rows;
  int32_t row_chunks;               // of 8 rows
  int32_t rows_from;                // of a tail cluster: its first row
  int32_t head_from, heads;         // and its heads of the group
  int32_t each, first, rows;        // rows of a block of it; this block's

  __device__ __forceinline__ explicit FewRole(const FewCall& call)
      : rank(blockIdx.x), kv_head(blockIdx.y), tail(int32_t(blockIdx.z) < call.tail_clusters),
        row_chunks(call.padded / 8) {
    const int32_t m = call.one.args.m, group = call.one.group.divisor;
    cluster = tail ? int32_t(blockIdx.z) : int32_t(blockIdx.z) - call.tail_clusters;
    by_rows = tail && call.tail_clusters > 1 && row_chunks > 1;
    const bool by_heads = tail && call.tail_clusters > 1 && row_chunks == 1;
    rows_from = by_rows ? 8 * cluster : 0;
    const int32_t rows_here = by_rows ? min(8, m - rows_from) : m, half = (group + 1) / 2;
    head_from = by_heads ? cluster * half : 0;
    heads = by_heads ? min(half, group - head_from) : group;
    each = (rows_here + kFewCluster - 1) / kFewCluster;
    first = rows_from + min(rank * each, rows_here);
    rows = min(each, rows_from + rows_here - first);
  }

  __device__ __forceinline__ int32_t first_chunk() const { return cluster * kFewCluster + rank; }
  // Of query head e of the group, or its key (e = group), or its value, of row chunk c: whether this cluster writes it.
  __device__ __forceinline__ bool writes(int32_t e, int32_t c, int32_t group) const {
    return tail && (e < group || cluster == (by_rows ? c : 0));
  }
};

// What follows from the cache's length.
struct FewText {
  int32_t length = 0;     // as it is read
  int32_t committed = 0;  // slots
  int32_t older = 0;      // the first slot of this forward
  int32_t fence = 0;      // the first chunk that pairs of this forward may lie in

  __device__ __forceinline__ void find(const AttentionArgs& args) {
    committed = min(max(length, 0), args.slots);
    older = args.mask ? committed : min(max(committed + args.slot_offset, 0), args.slots);
    fence = older / kChunk;
  }
};

}  // namespace smq

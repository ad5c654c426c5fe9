// Adding up what the blocks of a product have left of its tiles, in a kernel behind it: one that reads what the
// product writes, or one that does nothing else (gather.cu, gather.cuh). The last block of a tile would have to read
// what up to seventeen others wrote, alone, while memory is idle. All parts are on their way at once, and the order
// of inputs is kept, and with it the bits.
#pragma once

#include <type_traits>

#include "gemm/stream/split.cuh"
#include "ops/elements.cuh"

namespace smq {

// Of a thread of a kernel of kGroups groups. Each quarter of a multiprocessor has 512 for its warps, of which a product
// of 16 rows takes three of 96, and one of 32 rows by wgmma five of 64: two of 112 are left room, or two of 96, so that a
// small kernel starts beside the product before it, and the product behind it beside the small kernel.
constexpr int kRegistersBesideProduct = 112;
constexpr int registers_beside(Order order) { return order == Order::kPairs ? 96 : kRegistersBesideProduct; }

// The parts of a tile, as kernels of N rows leave them: see part_slot. Two groups of threads take a tile here.
template <Order O>
struct PartsOf {
  static constexpr int kOperands = O == Order::kNatural ? 1 : 2;  // of a thread here
  static constexpr int kSlot = kGroups * kOperands * kGroupThreads;  // vectors of a chunk of 8 rows
  int32_t chunks;                                                    // N / 8

  // Of operand j of this thread and chunk c, in vectors; `group` is one of kGroups.
  __device__ __forceinline__ int64_t at(int worker, bool second, int group, int j, int c, int thread) const {
    const int place = O == Order::kPairs ? (group * 2 + j) * chunks + c
                                         : (group * chunks + c) * kOperands + j;
    return int64_t(2 * worker + second) * (kSlot * chunks) + place * kGroupThreads + thread;
  }
};

// Who has computed a tile. To be found before the wait: divisions take long.
struct TileWorkers {
  int32_t first, last;
  bool second;  // of the first worker's two slots

  __device__ __forceinline__ void find(const Split& split, int tile) {
    const int start = tile * split.blocks;
    first = split.owner(start), last = split.owner(start + split.blocks - 1);
    second = split.begin(first) != start;
  }
  // Otherwise the product has written the tile's outputs itself.
  __device__ __forceinline__ bool shared() const { return first != last; }
};

// A thread's parts of a tile, of its operands of chunk c of 8 rows: none where it has no row or the tile was not shared.
// Made before the wait: whatever stands between that and the loads delays them (docs/adr/0057).
template <Order O, class Sum>
struct PartsHere {
  using Vector = typename Four<Sum>::Type;
  const Vector *first, *next;      // of the first worker, of the second one
  int32_t count;                   // of workers
  int32_t apart, operands_apart;   // from a worker to the next one, from an operand to the next one

  PartsHere() = default;
  __device__ __forceinline__ PartsHere(const StreamCall& call, const PartsOf<O>& parts, const TileWorkers& workers,
                                       int group, int thread, int c) {
    const Vector* const all = reinterpret_cast<const Vector*>(call.partials);
    const bool held = 8 * c + 2 * (thread % 4) < call.m;
    count = held && workers.shared() ? workers.last - workers.first + 1 : 0;
    first = all + parts.at(workers.first, workers.second, group, 0, c, thread);
    next = all + parts.at(workers.first + 1, false, group, 0, c, thread);
    apart = int32_t(parts.at(1, false, 0, 0, 0, 0));
    operands_apart = int32_t(parts.at(0, false, 0, 1, 0, 0));
    ptx::known_here(first, next, count);
  }

  __device__ __forceinline__ Vector load(int at, int operand) const {
    const Vector* const worker = at == 0 ? first : next + int64_t(at - 1) * apart;
    return __ldcg(worker + (operand == 0 ? 0 : operands_apart));
  }
};

// Adds up parts of several tiles. `Ahead` of each tile are on their way at once; meanwhile() runs while the first ones
// are.
template <int Ahead, Order O, class Sum, int Tiles, class Meanwhile>
__device__ __forceinline__ void sum_parts(Sum (&sums)[Tiles][PartsOf<O>::kOperands][4],
                                          const PartsHere<O, Sum> (&from)[Tiles], Meanwhile&& meanwhile) {
  constexpr int kOperands = PartsOf<O>::kOperands;
  int most = 0;
#pragma unroll
  for (int e = 0; e < Tiles; ++e) most = from[e].count > most ? from[e].count : most;
  const auto round = [&](auto begins, int at) {
    constexpr bool kBegins = decltype(begins)::value;
    typename Four<Sum>::Type v[Tiles][Ahead][kOperands];
#pragma unroll
    for (int i = 0; i < Ahead; ++i) {
#pragma unroll
      for (int e = 0; e < Tiles; ++e) {
#pragma unroll
        for (int j = 0; j < kOperands; ++j) {
          if (at + i < from[e].count) v[e][i][j] = from[e].load(at + i, j);
        }
      }
    }
    if constexpr (kBegins) meanwhile();
#pragma unroll
    for (int e = 0; e < Tiles; ++e) {
#pragma unroll
      for (int i = 0; i < Ahead; ++i) {
        if (at + i >= from[e].count) break;
#pragma unroll
        for (int j = 0; j < kOperands; ++j) {
          const auto part = v[e][i][j];
          Sum(&sum)[4] = sums[e][j];
          if (kBegins && i == 0) {
            sum[0] = part.x, sum[1] = part.y, sum[2] = part.z, sum[3] = part.w;
          } else {
            sum[0] += part.x, sum[1] += part.y, sum[2] += part.z, sum[3] += part.w;
          }
        }
      }
    }
  };
#pragma unroll
  for (int e = 0; e < Tiles; ++e) {
#pragma unroll
    for (int j = 0; j < kOperands; ++j) sums[e][j][0] = sums[e][j][1] = sums[e][j][2] = sums[e][j][3] = 0;
  }
  round(std::true_type(), 0);
#pragma unroll 1
  for (int at = Ahead; at < most; at += Ahead) round(std::false_type(), at);
}

// The outputs of a thread of a tile: kPacks of kWidth neighbours, 8 apart, of two rows.
template <Order O>
struct TileOutputs {
  static constexpr bool kNatural = O == Order::kNatural;
  static constexpr int kTile = kNatural ? kF16Tile : 2 * kF16Tile;
  static constexpr int kWidth = kNatural ? 1 : 4, kPacks = kNatural ? 2 : 1;

  // Within the tile, of pack p.
  static __device__ __forceinline__ int first(int group, int thread, int p) {
    const int warp = group * 4 + thread / 32, g = thread % 32 / 4;
    return kNatural ? warp * 16 + g + 8 * p : warp * 32 + 4 * g;
  }
  // Element e of pack p of the row 2 t + column.
  static __device__ __forceinline__ float value(const float (&sums)[PartsOf<O>::kOperands][4], int p, int e,
                                                int column) {
    return kNatural ? sums[0][2 * p + column] : sums[e / 2][2 * (e % 2) + column];
  }
  // A pack with bias; output: its first.
  template <class T>
  static __device__ __forceinline__ Pack<float, kWidth> pack(const StreamCall& call,
                                                             const float (&sums)[PartsOf<O>::kOperands][4],
                                                             int output, int p, int column) {
    Pack<float, kWidth> result;
#pragma unroll
    for (int e = 0; e < kWidth; ++e) {
      result.e[e] = value(sums, p, e, column);
      if (call.bias) result.e[e] += float(static_cast<const T*>(call.bias)[output + e]);
    }
    return result;
  }
};

// Calls body(row, column, p, output) for the packs of a thread: `row` of those of chunk c, `output` of the tile's.
template <Order O, class Body>
__device__ __forceinline__ void each_pack(const StreamCall& call, int group, int thread, int c, Body body) {
#pragma unroll
  for (int column = 0; column < 2; ++column) {
    const int row = 2 * (thread % 4) + column;
    if (8 * c + row >= call.m) continue;
#pragma unroll
    for (int p = 0; p < TileOutputs<O>::kPacks; ++p) {
      body(row, column, p, TileOutputs<O>::first(group, thread, p));
    }
  }
}

// ---- the host's side -----------------------------------------------------------------------------

// Leaves a product's parts to the op behind it. Kernels of `rows` rows made them.
template <class T>
void leave_parts(smq_context* ctx, const StreamCall& call, Order order, int rows) {
  if (!call.split.shares_tiles()) return;
  ctx->parts = Parts{call, order, rows, std::is_same<T, __half>::value ? SMQ_F16 : SMQ_BF16};
}

// Whether the product queued last has left parts of y, of m rows of n elements without a gap, as it wrote it.
inline bool has_parts_of(const smq_context* ctx, const void* y, int32_t m, int32_t n, int32_t epilogue,
                         int32_t dtype) {
  if (!ctx->parts || ctx->rotation || !ctx->company.empty()) return false;
  const StreamCall& call = ctx->parts->call;
  return call.y == y && call.m == m && call.n == n && call.y_stride == n && call.epilogue == epilogue &&
         call.wide && ctx->parts->dtype == dtype;
}

// Whether no tile has one worker alone, which then has written its outputs itself.
inline bool shares_all_tiles(const Split& split) {
  return (split.units() + split.workers - 1) / split.workers < split.blocks;
}

inline int32_t tile_of(const Parts& parts) { return parts.order == Order::kNatural ? kF16Tile : 2 * kF16Tile; }

// Calls body(type, order) with a value of the dtype's type and an Order known at compile time.
template <Order O>
using OrderIs = std::integral_constant<Order, O>;
template <class Body>
auto with_parts(const Parts& parts, Body body) {
  return with_half(parts.dtype, [&](auto type) {
    switch (parts.order) {
      case Order::kNatural: return body(type, OrderIs<Order::kNatural>());
      case Order::kFours: return body(type, OrderIs<Order::kFours>());
      default: return body(type, OrderIs<Order::kPairs>());
    }
  });
}

inline unsigned row_chunks(const StreamCall& call) { return unsigned((call.m + 7) / 8); }

}  // namespace smq

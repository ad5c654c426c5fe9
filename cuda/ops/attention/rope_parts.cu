// Norm and rotation of q and k, and the write of k and v into their caches, of what a product has left in parts: a
// block adds up a tile, which is whole heads, and its warps take them from shared memory.
#include "gemm/stream/parts.cuh"
#include "ops/attention/rope_head.cuh"
#include "ops/attention/rope_rows.cuh"
#include "ops/parts.cuh"

namespace smq {
namespace {

constexpr int kThreads = kGroups * kGroupThreads, kCount = 2;

template <class T, Order O, bool kEight, class Rows>
__global__ void __maxnreg__(registers_beside(O))
    rope_parts_kernel(const StreamCall call, const PartsOf<O> parts, const __grid_constant__ Rows all) {
  using At = TileOutputs<O>;
  constexpr int kAhead = O == Order::kPairs ? 4 : 6, kTurns = At::kTile / 64 / kCount, kApart = At::kTile + 8;
  __shared__ __align__(16) T sums_of_rows[8 * kApart];
  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads, c = blockIdx.y;
  const int32_t tile = blockIdx.x;
  TileWorkers workers[1];
  workers[0].find(call.split, tile);
  // A warp keeps to one row, and with it to the angles of one position.
  const int rows = min(8, call.m - 8 * c), sharers = rows > 4 ? 1 : rows > 2 ? 2 : rows > 1 ? 4 : 8;
  const int warp = threadIdx.x / 32, row = warp / sharers;
  // Rows beyond the last have none of their own.
  const auto& args = all.of(8 * c + min(row, rows - 1));
  const int64_t i = all.index(8 * c + row);
  const int32_t d = args.head_dim, heads = At::kTile / d, first_head = tile * heads;
  const PartsHere<O, float> here[1] = {{call, parts, workers[0], group, thread, c}};
  // Angles by a position that may be an earlier forward's; then they are asked for again.
  const auto depth_of = [&] { return args.depths && row < rows ? __ldcg(args.depths + i) : int32_t(i); };
  int32_t length = __ldcg(args.cache_length), depth = depth_of();
  Angles<kCount, kTurns> angles(rope_row(args, length, depth), d);
  // As the rotation that reads no parts: attention may read what is older once all kernels before have ended.
  wait_for_previous();
  let_next_start();
  float sums[1][PartsOf<O>::kOperands][4];
  sum_parts<kAhead>(sums, here, [&] {
    const int32_t length_now = __ldcg(args.cache_length), depth_now = depth_of();
    if (length_now == length && depth_now == depth) return;
    length = length_now, depth = depth_now;
    angles = Angles<kCount, kTurns>(rope_row(args, length, depth), d);
  });
  if (workers[0].shared()) {
    each_pack<O>(call, group, thread, c, [&](int row, int column, int p, int first) {
      const int32_t output = tile * At::kTile + first;
      if (output >= call.n) return;
      const auto sum = At::template pack<T>(call, sums[0], output, p, column);
      Pack<T, At::kWidth> rounded;
#pragma unroll
      for (int e = 0; e < At::kWidth; ++e) rounded.e[e] = narrow<T>(sum.e[e]);
      store(sums_of_rows + row * kApart + first, rounded);
    });
    __syncthreads();
  }
  if (row >= rows) return;
  for (int e = warp % sharers; e < heads; e += sharers) {
    const int32_t h = first_head + e;
    if (h >= args.heads + 2 * args.kv_heads) return;
    rope_head<T, kEight>(args, angles, length, h, i, [&] {
      HeadPart<T, kCount, kTurns> part;
      T* const in_qkv = static_cast<T*>(args.qkv) + i * call.n + int64_t(h) * d;
      if (workers[0].shared()) {
        part.fetch(sums_of_rows + row * kApart + e * d, d);
        if (h >= args.heads) part.keep(in_qkv, d);  // the product's own outputs; queries are overwritten
      } else {
        part.fetch(in_qkv, d);
      }
      return part;
    });
  }
}

// Launches it on the parts that there are of rows alike `args`, if tiles are whole heads, of whole packs.
template <bool kEight, class Rows>
bool queue_rope_of_parts(smq_context* ctx, const RopeKv& args, const Rows& rows) {
  const int32_t tile = tile_of(*ctx->parts);
  if (tile % args.head_dim != 0 || args.head_dim % 16 != 0) return false;
  const Parts parts = take_parts(ctx);
  with_parts(parts, [&](auto type, auto order) {
    using T = decltype(type);
    constexpr Order kOrder = decltype(order)::value;
    const auto kernel = rope_parts_kernel<T, kOrder, kEight, Rows>;
    prefer_shared(kernel);
    launch(ctx, kernel, dim3(unsigned(parts.call.split.tiles), row_chunks(parts.call)), kThreads, 0, parts.call,
           PartsOf<kOrder>{parts.rows / 8}, rows);
  });
  return true;
}

// Whether the product queued last has left parts of m such rows from args.qkv on.
bool has_rows_of(const smq_context* ctx, const RopeKv& args, int32_t m) {
  const int64_t width = (int64_t(args.heads) + 2 * int64_t(args.kv_heads)) * args.head_dim;
  return width <= INT32_MAX && has_parts_of(ctx, args.qkv, m, int32_t(width), SMQ_STORE, args.dtype);
}

}  // namespace

bool rope_kv_of_parts(smq_context* ctx, const RopeKv& args) {
  if (!has_rows_of(ctx, args, args.m)) return false;
  return args.cache == SMQ_I8 ? queue_rope_of_parts<true>(ctx, args, RowsOfOne{args})
                              : queue_rope_of_parts<false>(ctx, args, RowsOfOne{args});
}

bool rope_kv_of_parts(smq_context* ctx, const std::vector<RopeKv>& all) {
  const RopeKv& first = all[0];
  if (!has_rows_of(ctx, first, int32_t(all.size()) * first.m)) return false;
  const int64_t width = first.m * (int64_t(first.heads) + 2 * int64_t(first.kv_heads)) * first.head_dim;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].qkv != static_cast<uint16_t*>(first.qkv) + int64_t(i) * width) return false;
  }
  return queue_rope_of_parts<false>(ctx, first, RowsOfMany(all));
}

}  // namespace smq

// Norm and rotation of q and k, and the write of k and v into their caches, in one pass.
#include "gemm/stream/parts.cuh"
#include "ops/attention/attention_few_fits.cuh"
#include "ops/attention/attention_one_fits.cuh"
#include "ops/attention/company.cuh"
#include "ops/attention/rope_head.cuh"
#include "ops/attention/rope_rows.cuh"
#include "ops/parts.cuh"

using namespace smq;

namespace {

constexpr int kWarps = 4;

template <class T, int kCount, bool kEight>
__global__ void __launch_bounds__(kWarps * 32) rope_kv_kernel(const RopeKv args) {
  wait_for_previous();
  let_next_start();
  const int32_t h = int32_t(blockIdx.y) * kWarps + int(threadIdx.x) / 32;
  if (h >= args.heads + 2 * args.kv_heads) return;
  constexpr int kTurns = kMostHeadDim / 64 / kCount;
  const int64_t length = args.cache_length[0], i = blockIdx.x;
  // On their way beside the head.
  const Angles<kCount, kTurns> angles(rope_row(args, length, args.depths ? args.depths[i] : i), args.head_dim);
  rope_head<T, kEight>(args, angles, length, h, i, [&] {
    HeadPart<T, kCount, kTurns> part;
    const int64_t row = i * (int64_t(args.heads) + 2 * int64_t(args.kv_heads));
    part.fetch(static_cast<const T*>(args.qkv) + (row + h) * args.head_dim, args.head_dim);
    return part;
  });
}

template <class T>
__global__ void __launch_bounds__(kWarps * 32) rotations_kernel(const __grid_constant__ RowsOfMany all) {
  wait_for_previous();
  let_next_start();
  const int64_t i = all.index(blockIdx.x);
  const RopeKv args = all.of(blockIdx.x);
  const int32_t h = int32_t(blockIdx.y) * kWarps + int(threadIdx.x) / 32;
  if (h >= args.heads + 2 * args.kv_heads) return;
  constexpr int kCount = 2, kTurns = kMostHeadDim / 64 / kCount;
  const int64_t length = args.cache_length[0];
  const Angles<kCount, kTurns> angles(rope_row(args, length, args.depths ? args.depths[i] : i), args.head_dim);
  rope_head<T, false>(args, angles, length, h, i, [&] {
    HeadPart<T, kCount, kTurns> part;
    const int64_t row = i * (int64_t(args.heads) + 2 * int64_t(args.kv_heads));
    part.fetch(static_cast<const T*>(args.qkv) + (row + h) * args.head_dim, args.head_dim);
    return part;
  });
}

// A warp takes keys or values of one head of one layer.
template <class T, int kCount, bool kEight>
__global__ void __launch_bounds__(kWarps * 32) rope_keys_kernel(const RopeKeys args) {
  wait_for_previous();
  let_next_start();
  const int32_t each = 2 * args.one.kv_heads, h = int32_t(blockIdx.y) * kWarps + int(threadIdx.x) / 32;
  if (h >= args.layers * each) return;
  constexpr int kTurns = kMostHeadDim / 64 / kCount;
  const int64_t length = args.one.cache_length[0], i = blockIdx.x;
  const RopeKv one = args.of(h / each);
  const Angles<kCount, kTurns> angles(rope_row(one, length, i), one.head_dim);
  rope_head<T, kEight>(one, angles, length, h % each, i, [&] {
    HeadPart<T, kCount, kTurns> part;
    part.fetch(static_cast<const T*>(args.kv) + i * args.layers * args.width() + int64_t(h) * one.head_dim,
               one.head_dim);
    return part;
  });
}

// Whether attention may do it: of one row, or a few, that a product has left in parts alone.
bool may_wait(const smq_context* ctx, const RopeKv& args) {
  const int32_t width = (args.heads + 2 * args.kv_heads) * args.head_dim;
  return args.slot_offset >= 0 && args.heads % args.kv_heads == 0 && rotates_pairs(args) &&
         (one_row_fits(ctx, args.m, args.heads, args.kv_heads, args.head_dim, args.slots, args.cache) ||
          few_rows_fit(ctx, args.m, args.heads, args.kv_heads, args.head_dim, args.slots, args.cache)) &&
         has_parts_of(ctx, args.qkv, args.m, width, SMQ_STORE, args.dtype) && ctx->parts->order != Order::kPairs &&
         shares_all_tiles(ctx->parts->call.split);
}

}  // namespace

bool smq::rotates_pairs(const RopeKv& args) {
  const auto address = [](const void* pointer) { return reinterpret_cast<uint64_t>(pointer); };
  return args.head_dim % 4 == 0 && aligned(address(args.table), 8) &&
         aligned(address(args.qkv) | address(args.k_cache) | address(args.v_cache), 4);
}

void smq::queue_rotations(smq_context* ctx, const std::vector<RopeKv>& all) {
  if (rope_kv_of_parts(ctx, all)) return;
  const int64_t heads = int64_t(all[0].heads) + 2 * int64_t(all[0].kv_heads);
  const unsigned rows = unsigned(all.size()) * unsigned(all[0].m);
  with_half(all[0].dtype, [&](auto type) {
    const auto kernel = rotations_kernel<decltype(type)>;
    prefer_shared(kernel);
    launch(ctx, kernel, dim3(rows, blocks_for(heads, kWarps)), kWarps * 32, 0, RowsOfMany(all));
  });
}

void smq::queue_rotation(smq_context* ctx, const RopeKv& args) {
  const bool wide = rotates_pairs(args);
  const int64_t heads = int64_t(args.heads) + 2 * int64_t(args.kv_heads);
  const dim3 grid(unsigned(args.m), blocks_for(heads, kWarps));
  if (!wide || !rope_kv_of_parts(ctx, args)) {
    with_half(args.dtype, [&](auto type) {
      using T = decltype(type);
      const auto kernel = args.cache == SMQ_I8 ? wide ? rope_kv_kernel<T, 2, true> : rope_kv_kernel<T, 1, true>
                          : wide               ? rope_kv_kernel<T, 2, false>
                                               : rope_kv_kernel<T, 1, false>;
      prefer_shared(kernel);
      launch(ctx, kernel, grid, kWarps * 32, 0, args);
    });
  }
  // Either kernel lets the next one start once all kernels before it have ended.
  if (args.slot_offset >= 0) ctx->rotated = {args.k_cache, args.v_cache, args.cache_length};
}

int32_t smq::run_rope_kv(smq_context* ctx, const RopeKv& args) {
  Check check;
  if (check.limit("head_dim", args.head_dim, kMostHeadDim).failed()) return check.status();
  if (ctx->rotation) add_parts(ctx);
  if (may_wait(ctx, args)) ctx->rotation = args;
  else if (!joins_company(ctx, args)) queue_rotation(ctx, args);
  return launched(ctx, "smq_rope_kv");
}

int32_t smq::run_rope_keys(smq_context* ctx, const RopeKeys& args) {
  const RopeKv& one = args.one;
  Check check;
  if (check.limit("head_dim", one.head_dim, kMostHeadDim).failed()) return check.status();
  // Caches begin where memory is reserved.
  const bool wide = one.head_dim % 4 == 0 && aligned(reinterpret_cast<uint64_t>(one.table), 8) &&
                    aligned(reinterpret_cast<uint64_t>(args.kv), 4);
  const dim3 grid(unsigned(one.m), blocks_for(int64_t(args.layers) * 2 * one.kv_heads, kWarps));
  with_half(one.dtype, [&](auto type) {
    using T = decltype(type);
    const auto kernel = one.cache == SMQ_I8 ? wide ? rope_keys_kernel<T, 2, true> : rope_keys_kernel<T, 1, true>
                        : wide              ? rope_keys_kernel<T, 2, false>
                                            : rope_keys_kernel<T, 1, false>;
    prefer_shared(kernel);
    launch(ctx, kernel, grid, kWarps * 32, 0, args);
  });
  return launched(ctx, "smq_rope_keys");
}

// The kernels of attention of few rows.
#include <algorithm>

#include "ops/attention_decode.cuh"
#include "ops/attention_merge.cuh"

namespace smq {
namespace {

// The most tiles of query rows that a block meets its chunks with.
constexpr int tiles_for(int dim) { return dim <= 128 ? 8 : 2; }

template <class T, int D>
__global__ void __launch_bounds__(32 * warps_for(D), 2)
    attend_kernel(const __grid_constant__ DecodeCall call, bool early) {
  extern __shared__ __align__(16) uint8_t memory[];
  attend_pieces<T>(call, *reinterpret_cast<AttendShared<D, tiles_for(D)>*>(memory), early);
}

constexpr int kMergeWarps = 4;

template <class T>
__global__ void __launch_bounds__(32 * kMergeWarps) merge_kernel(const __grid_constant__ DecodeCall call) {
  let_next_start();
  wait_for_previous();
  const int32_t head = blockIdx.x * kMergeWarps + threadIdx.x / 32;
  if (head < call.args.heads) merge_pieces<T>(call, head, blockIdx.y);
}

template <class T, int D>
int32_t launch_decode(smq_context* ctx, const AttentionArgs& args) {
  // Two blocks a multiprocessor only fit where most of its memory is shared memory; both kernels ask for
  // the same split, since changing it drains a multiprocessor.
  if (const cudaError_t error = use_device(ctx->device)) return cuda_status(ctx, error, "attention");
  for (const void* kernel : {reinterpret_cast<const void*>(attend_kernel<T, D>),
                             reinterpret_cast<const void*>(merge_kernel<T>)}) {
    cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout,
                         cudaSharedmemCarveoutMaxShared);
  }
  const DecodeCall call(args);
  const Rotated& before = ctx->rotated;
  const bool early = ctx->capability >= 90 && before.cache_length == args.cache_length &&
                     before.k_cache == args.k_cache && before.v_cache == args.v_cache;
  // A block without work holds registers and shared memory that the product behind waits for.
  const int32_t room = std::max(1, (2 * ctx->sms + args.kv_heads - 1) / args.kv_heads);
  const int32_t blocks = std::min(room, call.most_units(warps_for(D)));
  launch(ctx, attend_kernel<T, D>, dim3(unsigned(blocks), unsigned(args.kv_heads)),
         dim3(32 * warps_for(D)), sizeof(AttendShared<D, tiles_for(D)>), call, early);
  launch(ctx, merge_kernel<T>,
         dim3(unsigned((args.heads + kMergeWarps - 1) / kMergeWarps), unsigned(args.m)),
         dim3(32 * kMergeWarps), 0, call);
  return launched(ctx, "attention");
}

// The table of instantiations: head_dim is padded up to 64, 128 or 256.
template <class T>
int32_t launch_dim(smq_context* ctx, const AttentionArgs& args) {
  if (args.head_dim <= 64) return launch_decode<T, 64>(ctx, args);
  if (args.head_dim <= 128) return launch_decode<T, 128>(ctx, args);
  return launch_decode<T, 256>(ctx, args);
}

}  // namespace

int32_t decode_attention(smq_context* ctx, const AttentionArgs& args, int32_t dtype) {
  return dtype == SMQ_F16 ? launch_dim<__half>(ctx, args) : launch_dim<__nv_bfloat16>(ctx, args);
}

int64_t decode_attention_bytes(int32_t m, int32_t heads, int32_t head_dim, int32_t slots) {
  const Pieces pieces(nullptr, m, heads, head_dim, slots);
  return int64_t(m) * heads * pieces.pieces * (int64_t(pieces.width) + 2) * int64_t(sizeof(float));
}

}  // namespace smq

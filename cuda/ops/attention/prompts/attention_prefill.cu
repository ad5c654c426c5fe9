// Causal attention of many rows where Hopper's kernel (attention_prompt.cuh) does not serve: a block takes 64 rows of
// one q head, and walks over the pairs 64 (or 32) at a time through two buffers of shared memory, with a running
// softmax in registers. Deterministic; not bit for bit what the decoding kernels give.
#include "ops/attention/attention.cuh"
#include "ops/attention/attention_math.cuh"

namespace smq {
namespace {

constexpr int kWarps = 4;
constexpr int kRows = 16 * kWarps;

// A tile of pairs in shared memory. Rows are padded so that 16-byte reads of a warp do not meet in a
// bank: keys are read as operands directly (two rows a phase), values through ldmatrix (eight rows).
template <int D, int P>
struct PairTile {
  static constexpr int kKeyRow = D + 32;
  static constexpr int kValueRow = D + 8;
  uint16_t keys[P * kKeyRow];
  uint16_t values[P * kValueRow];
};

__device__ __forceinline__ void copy16(void* to, const void* from, bool wanted) {
  const uint32_t address = uint32_t(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from),
               "r"(wanted ? 16 : 0));
}

template <int D, int P>
__device__ __forceinline__ void copy_tile(PairTile<D, P>& tile, const AttentionArgs& args,
                                          int32_t kv_head, int32_t base, int32_t lowest,
                                          int32_t end) {
  const uint16_t* keys = static_cast<const uint16_t*>(args.k_cache);
  const uint16_t* values = static_cast<const uint16_t*>(args.v_cache);
#pragma unroll
  for (int e = threadIdx.x; e < P * D / 8; e += 32 * kWarps) {
    const int pair = e / (D / 8), c = e % (D / 8) * 8;
    const bool wanted = base + pair >= lowest && base + pair < end && c < args.head_dim;
    const int64_t offset =
        wanted ? (base + pair) * args.kv_row() + int64_t(kv_head) * args.head_dim + c : 0;
    copy16(tile.keys + pair * PairTile<D, P>::kKeyRow + c, keys + offset, wanted);
    copy16(tile.values + pair * PairTile<D, P>::kValueRow + c, values + offset, wanted);
  }
  asm volatile("cp.async.commit_group;");
}

template <class T, int D, int P>
__global__ void __launch_bounds__(32 * kWarps)
    prefill_rows(const __grid_constant__ AttentionArgs args) {
  extern __shared__ __align__(16) uint8_t shared[];
  auto* const tiles = reinterpret_cast<PairTile<D, P>*>(shared);
  wait_for_previous();
  let_next_start();
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  const int32_t head = blockIdx.x, kv_head = head / args.group();
  // The longest tiles first.
  const int32_t tile_begin = int32_t(gridDim.y - 1 - blockIdx.y) * kRows;
  const int32_t length = committed(args);
  const int32_t last_row = min(tile_begin + kRows, args.m) - 1;
  const int32_t end = row_count(args, length, last_row);
  int32_t lowest = 0;  // pairs that no row of the tile sees are not read
  if (args.window > 0) lowest = max(0, row_count(args, length, tile_begin) - args.window);
  const int32_t begin = lowest / P * P;

  uint4 query[2][D / 32];
  int32_t row[2], first[2], count[2];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    row[r] = tile_begin + 16 * warp + g + 8 * r;
    const bool held = row[r] < args.m;
    count[r] = held ? row_count(args, length, row[r]) : 0;
    first[r] = args.window > 0 ? count[r] - args.window : 0;
    const uint16_t* from = static_cast<const uint16_t*>(args.qkv) + row[r] * args.qkv_row() +
                           int64_t(head) * args.head_dim;
#pragma unroll
    for (int s = 0; s < D / 32; ++s) {
      const int c = 32 * s + 8 * t;
      query[r][s] = held && c < args.head_dim ? *reinterpret_cast<const uint4*>(from + c)
                                              : make_uint4(0, 0, 0, 0);
    }
  }

  float result[D / 8][4] = {};
  Softmax softmax[2];
  if (begin < end) copy_tile<D, P>(tiles[0], args, kv_head, begin, lowest, end);
  for (int32_t base = begin, step = 0; base < end; base += P, ++step) {
    if (base + P < end) {
      copy_tile<D, P>(tiles[(step + 1) % 2], args, kv_head, base + P, lowest, end);
      asm volatile("cp.async.wait_group 1;" ::: "memory");
    } else {
      asm volatile("cp.async.wait_group 0;" ::: "memory");
    }
    __syncthreads();
    const PairTile<D, P>& tile = tiles[step % 2];
    float scores[P / 8][4] = {};
#pragma unroll
    for (int s = 0; s < D / 32; ++s) {
#pragma unroll
      for (int n = 0; n < P / 8; ++n) {
        const uint4 key = *reinterpret_cast<const uint4*>(
            tile.keys + (8 * n + g) * PairTile<D, P>::kKeyRow + 32 * s + 8 * t);
        const uint4 &a = query[0][s], &b = query[1][s];
        HalfMath<T>::mma(scores[n], a.x, b.x, a.y, b.y, key.x, key.y);
        HalfMath<T>::mma(scores[n], a.z, b.z, a.w, b.w, key.z, key.w);
      }
    }
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float top = softmax[r].top;
#pragma unroll
      for (int n = 0; n < P / 8; ++n) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const int32_t pair = base + 8 * n + 2 * t + i;
          float& score = scores[n][2 * r + i];
          score = pair >= first[r] && pair < count[r] ? score * args.scale : kNone;
          top = larger(top, score);
        }
      }
      top = larger(top, __shfl_xor_sync(~0u, top, 1));
      top = larger(top, __shfl_xor_sync(~0u, top, 2));
      const float shrink = softmax[r].top == top ? 1.0f : exp2_fast(softmax[r].top - top);
      softmax[r].top = top;
      float sum = 0;
#pragma unroll
      for (int n = 0; n < P / 8; ++n) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          float& score = scores[n][2 * r + i];
          score = score == kNone ? 0.0f : exp2_fast(score - top);
          sum += score;
        }
      }
      softmax[r].sum = softmax[r].sum * shrink + sum;
#pragma unroll
      for (int j = 0; j < D / 8; ++j) {
        result[j][2 * r] *= shrink;
        result[j][2 * r + 1] *= shrink;
      }
    }
#pragma unroll
    for (int s = 0; s < P / 16; ++s) {
      const uint32_t a0 = HalfMath<T>::pack(scores[2 * s][0], scores[2 * s][1]);
      const uint32_t a1 = HalfMath<T>::pack(scores[2 * s][2], scores[2 * s][3]);
      const uint32_t a2 = HalfMath<T>::pack(scores[2 * s + 1][0], scores[2 * s + 1][1]);
      const uint32_t a3 = HalfMath<T>::pack(scores[2 * s + 1][2], scores[2 * s + 1][3]);
#pragma unroll
      for (int j = 0; j < D / 16; ++j) {
        const uint32_t address = uint32_t(__cvta_generic_to_shared(
            tile.values + (16 * s + lane % 16) * PairTile<D, P>::kValueRow + 16 * j + lane / 16 * 8));
        uint32_t b[4];
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(b[0]), "=r"(b[1]), "=r"(b[2]), "=r"(b[3])
                     : "r"(address)
                     : "memory");
        HalfMath<T>::mma(result[2 * j], a0, a1, a2, a3, b[0], b[1]);
        HalfMath<T>::mma(result[2 * j + 1], a0, a1, a2, a3, b[2], b[3]);
      }
    }
    __syncthreads();
  }

#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float sum = softmax[r].sum;
    sum += __shfl_xor_sync(~0u, sum, 1);
    sum += __shfl_xor_sync(~0u, sum, 2);
    const float inverse = softmax[r].empty() ? 0.0f : 1.0f / sum;
    if (row[r] >= args.m) continue;
    uint16_t* const to =
        static_cast<uint16_t*>(args.out) + (int64_t(row[r]) * args.heads + head) * args.head_dim;
#pragma unroll
    for (int j = 0; j < D / 8; ++j) {
      if (8 * j >= args.head_dim) continue;
      *reinterpret_cast<uint32_t*>(to + 8 * j + 2 * t) =
          HalfMath<T>::pack(result[j][2 * r] * inverse, result[j][2 * r + 1] * inverse);
    }
  }
}

template <class T, int D, int P>
int32_t launch_prefill(smq_context* ctx, const AttentionArgs& args) {
  launch(ctx, prefill_rows<T, D, P>,
         dim3(unsigned(args.heads), unsigned((args.m + kRows - 1) / kRows)), dim3(32 * kWarps),
         2 * sizeof(PairTile<D, P>), args);
  return launched(ctx, "attention");
}

// The table of instantiations: head_dim is padded up to 64, 128 or 256.
template <class T>
int32_t launch_dim(smq_context* ctx, const AttentionArgs& args) {
  if (args.head_dim <= 64) return launch_prefill<T, 64, 64>(ctx, args);
  if (args.head_dim <= 128) return launch_prefill<T, 128, 64>(ctx, args);
  return launch_prefill<T, 256, 32>(ctx, args);
}

}  // namespace

int32_t prefill_attention(smq_context* ctx, const AttentionArgs& args, int32_t dtype) {
  if (prompt_fits_hopper(ctx, args)) return prompt_on_hopper(ctx, args, dtype);
  return dtype == SMQ_F16 ? launch_dim<__half>(ctx, args) : launch_dim<__nv_bfloat16>(ctx, args);
}

}  // namespace smq

// One chunk of pairs in a warp's registers, and what it gives for 16 query rows: the only place where
// decoding attends, so that all of its paths give the same bits.
#pragma once

#include "ops/attention.cuh"
#include "ops/attention_math.cuh"

namespace smq {

constexpr int kTileRows = 16;

// 32 pairs of one kv head. Lane 4 g + t holds of key 8 n + g the inputs 32 s + 8 t .. + 7: the matrix
// instruction sums over inputs in this order, queries being held alike. Of the values it holds the
// outputs 64 h + 8 g .. + 7 of the pairs 16 s + 2 t, + 1, + 8, + 9, packed as operands.
template <int D>
struct ChunkPairs {
  uint4 keys[4][D / 32];
  uint32_t values[2][D / 64][8][2];
};

// What is read in place of a pair that is not there: never a slot that no row may see, and never under a
// condition, which would keep loads from being in flight together.
static __device__ uint4 no_pair[kMostHeadDim / 8];

__device__ __forceinline__ uint4 load16(const uint16_t* from) {
  return *reinterpret_cast<const uint4*>(from);
}

// `slot`: of the lane's own pair, or -1 for none, which is read as zeros. Columns beyond head_dim repeat
// the last ones: they meet zeros of the query, or are not kept.
template <int D>
__device__ __forceinline__ void load_pairs(ChunkPairs<D>& pairs, const AttentionArgs& args,
                                           int32_t kv_head, int32_t slot) {
  const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  const int32_t dim = args.head_dim;
  const int64_t row = args.kv_row();
  const uint16_t* const nothing = reinterpret_cast<const uint16_t*>(no_pair);
  const uint16_t* keys = static_cast<const uint16_t*>(args.k_cache) + int64_t(kv_head) * dim;
  const uint16_t* values = static_cast<const uint16_t*>(args.v_cache) + int64_t(kv_head) * dim;
#pragma unroll
  for (int n = 0; n < 4; ++n) {
    const int32_t from = __shfl_sync(~0u, slot, 8 * n + g);
    const uint16_t* const key = from >= 0 ? keys + from * row : nothing;
#pragma unroll
    for (int s = 0; s < D / 32; ++s) pairs.keys[n][s] = load16(key + min(32 * s + 8 * t, dim - 8));
  }
  uint4 raw[2][D / 64][4];
#pragma unroll
  for (int s = 0; s < 2; ++s) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int32_t from = __shfl_sync(~0u, slot, 16 * s + 2 * t + i % 2 + i / 2 * 8);
      const uint16_t* const value = from >= 0 ? values + from * row : nothing;
#pragma unroll
      for (int h = 0; h < D / 64; ++h) raw[s][h][i] = load16(value + min(64 * h + 8 * g, dim - 8));
    }
  }
#pragma unroll
  for (int s = 0; s < 2; ++s) {
#pragma unroll
    for (int h = 0; h < D / 64; ++h) {
#pragma unroll
      for (int word = 0; word < 4; ++word) {
        const auto at = [&](int i) {
          const uint4& v = raw[s][h][i];
          return word == 0 ? v.x : word == 1 ? v.y : word == 2 ? v.z : v.w;
        };
#pragma unroll
        for (int pair = 0; pair < 2; ++pair) {
          pairs.values[s][h][2 * word][pair] = __byte_perm(at(2 * pair), at(2 * pair + 1), 0x5410);
          pairs.values[s][h][2 * word + 1][pair] =
              __byte_perm(at(2 * pair), at(2 * pair + 1), 0x7632);
        }
      }
    }
  }
}

// Elements of a query in shared memory, padded so that the 16-byte reads of a warp (eight rows) do not
// meet in a bank.
template <int D>
constexpr int kQueryRow = D + 32;

// Starts a copy of one query of a tile, or of zeros where there is none, by the 16 lanes of half a warp.
template <int D>
__device__ __forceinline__ void copy_query(uint16_t* to, const AttentionArgs& args, bool held,
                                           int32_t i, int32_t head) {
  const uint16_t* const from = static_cast<const uint16_t*>(args.qkv) +
                               (held ? i * args.qkv_row() + int64_t(head) * args.head_dim : 0);
#pragma unroll
  for (int c = threadIdx.x % 16 * 8; c < D; c += 128) {
    const bool wanted = held && c < args.head_dim;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                     uint32_t(__cvta_generic_to_shared(to + c))),
                 "l"(from + (wanted ? c : 0)), "r"(wanted ? 16 : 0));
  }
}

// What a chunk gives for the query rows g and g + 8 of a tile. queries: the tile in shared memory;
// first[r], end: the pairs of the chunk that the row sees, all of them where `whole`. take(h, values)
// gets the outputs 64 h .. + 63: lane 4 g + t holds in values[j] the outputs 16 t + j and 16 t + 8 + j
// of row g, then of row g + 8.
template <class T, int D, class Take>
__device__ __forceinline__ void attend(Softmax (&softmax)[2], const ChunkPairs<D>& pairs,
                                       const uint16_t* queries, float scale, bool whole,
                                       const int32_t (&first)[2], int32_t end, Take&& take) {
  const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  float scores[4][4] = {};
#pragma unroll
  for (int s = 0; s < D / 32; ++s) {
    const uint16_t* const query = queries + g * kQueryRow<D> + 32 * s + 8 * t;
    const uint4 a = *reinterpret_cast<const uint4*>(query);
    const uint4 b = *reinterpret_cast<const uint4*>(query + 8 * kQueryRow<D>);
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      const uint4& key = pairs.keys[n][s];
      HalfMath<T>::mma(scores[n], a.x, b.x, a.y, b.y, key.x, key.y);
    }
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      const uint4& key = pairs.keys[n][s];
      HalfMath<T>::mma(scores[n], a.z, b.z, a.w, b.w, key.z, key.w);
    }
  }
  __syncwarp();  // take() may write where the queries were
#pragma unroll
  for (int n = 0; n < 4; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) scores[n][i] = __fmul_rn(scores[n][i], scale);
  }
  if (!whole) {
#pragma unroll
    for (int n = 0; n < 4; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int place = 8 * n + 2 * t + i % 2;
        if (place < first[i / 2] || place >= end) scores[n][i] = kNone;
      }
    }
  }
  float weights[4][4];
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float top = kNone;
#pragma unroll
    for (int n = 0; n < 4; ++n) {
#pragma unroll
      for (int i = 0; i < 2; ++i) top = larger(top, scores[n][2 * r + i]);
    }
    top = larger(top, __shfl_xor_sync(~0u, top, 1));
    top = larger(top, __shfl_xor_sync(~0u, top, 2));
    const float from = top == kNone ? 0.0f : top;  // no score at all: weights of 2^-inf
    float sum = 0;
#pragma unroll
    for (int n = 0; n < 4; ++n) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const float weight = exp2_fast(__fsub_rn(scores[n][2 * r + i], from));
        weights[n][2 * r + i] = weight;
        sum = __fadd_rn(sum, weight);
      }
    }
    sum = __fadd_rn(sum, __shfl_xor_sync(~0u, sum, 1));
    sum = __fadd_rn(sum, __shfl_xor_sync(~0u, sum, 2));
    softmax[r].top = top;
    softmax[r].sum = sum;
  }
  uint32_t packed[2][4];
#pragma unroll
  for (int s = 0; s < 2; ++s) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float* const pair = &weights[2 * s + i / 2][i % 2 * 2];
      packed[s][i] = HalfMath<T>::pack(pair[0], pair[1]);
    }
  }
#pragma unroll
  for (int h = 0; h < D / 64; ++h) {
    float values[8][4] = {};
#pragma unroll
    for (int s = 0; s < 2; ++s) {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        HalfMath<T>::mma(values[j], packed[s][0], packed[s][1], packed[s][2], packed[s][3],
                         pairs.values[s][h][j][0], pairs.values[s][h][j][1]);
      }
    }
    take(h, values);
  }
}

}  // namespace smq

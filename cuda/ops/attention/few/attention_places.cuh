// A chunk of a list whose pairs lie anywhere in shared memory (sm_90): each row of a tree sees others, and a list is cut
// by the places in it, so keys and values are gathered where they are read. The arithmetic is that of a chunk in order
// (TileSums), warps sharing it in the same way, and so are the bits.
#pragma once

#include "ops/attention/attention_chunk.cuh"

namespace smq {

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

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

// What a chunk of a list gives for the tile of query rows that lies first in shared memory, by `Sharers` warps. Its pairs
// are at `places` among the Shape's keys and values, -1 for none; piece(row): where a row of the tile has its sums, or -1.
template <class T, int D, int Sharers, class Shape, class Piece>
__device__ __forceinline__ void attend_places(const DecodeCall& call, const int16_t* places, uint8_t* at_memory,
                                              Piece&& piece) {
  constexpr int kBlocks = 8 / Sharers, kOutputs = D / 8 / Sharers;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  const int team = warp / Sharers, place = warp % Sharers;
  const uint32_t memory = ptx::shared_address(at_memory);
  uint8_t* const weights_at = at_memory + Shape::kTailWeights + team * kWeightBytes;
  float* const tops = reinterpret_cast<float*>(at_memory + Shape::kTops);
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

#endif

}  // namespace smq

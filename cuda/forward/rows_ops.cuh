// The ops between products: norm, rotation and activation, spread over the warps of all blocks. Each adds up
// the parts of the product before it.
#pragma once

#include "forward/block.cuh"
#include "ops/norm_row.cuh"
#include "ops/rope_head.cuh"
#include "ops/silu.cuh"

namespace smq {
namespace forward {

__device__ __forceinline__ int32_t chunks_of_row(int32_t width) {
  return (width + kNormChunk - 1) / kNormChunk;
}

// Rows of `width` elements, Count a thread at a time, over all consumers of all blocks.
template <int Count, class Body>
__device__ __forceinline__ void over_elements(int32_t m, int32_t width, Body body) {
  const int32_t packs = width / Count, all = m * packs;
  // Successive warps of items go to successive blocks: few items are spread over many multiprocessors.
  const int32_t warp = threadIdx.x / 32 * gridDim.x + blockIdx.x;
  for (int32_t i = warp * 32 + threadIdx.x % 32; i < all; i += gridDim.x * kConsumers) {
    body(i / packs, i % packs * Count);
  }
}

// The same for the warps.
template <class Body>
__device__ __forceinline__ void over_warps(int32_t count, Body body) {
  constexpr int kWarps = kConsumers / 32;
  for (int32_t i = threadIdx.x / 32 * gridDim.x + blockIdx.x; i < count; i += gridDim.x * kWarps) body(i);
}

// A sum of squares, and which use of its place it belongs to: written and read at once, so that it needs no
// barrier around it.
__device__ __forceinline__ void post(uint2* place, float value, uint32_t epoch) {
  asm volatile("st.relaxed.gpu.global.v2.u32 [%0], {%1, %2};" ::"l"(place), "r"(__float_as_uint(value)),
               "r"(epoch)
               : "memory");
}
__device__ __forceinline__ float await(const uint2* place, uint32_t epoch) {
  uint32_t value, seen;
  do {
    asm volatile("ld.relaxed.gpu.global.v2.u32 {%0, %1}, [%2];"
                 : "=r"(value), "=r"(seen)
                 : "l"(place)
                 : "memory");
  } while (seen != epoch);
  return __uint_as_float(value);
}

// The first half of a norm: a warp's chunk of a row, with the product before added in memory too.
template <class T>
__device__ __forceinline__ Pack<float, 4> square_chunk(const RowsCall& call, const TileParts* tiles,
                                                       int32_t row, int32_t chunk, uint32_t epoch) {
  const int32_t j = chunk * kNormChunk + int32_t(threadIdx.x % 32) * 4;
  Pack<float, 4> x = {};
  if (j < call.width) {
    float* const at = call.x + int64_t(row) * call.width + j;
    x = load<float, 4>(at);
    if (call.parts.sums) {
      Pack<float, 4> sums[1] = {};
      add_parts<1, 4>(sums, call.parts, tiles, {row}, {j});
      add_bias<T>(sums[0], call.parts, j);
#pragma unroll
      for (int e = 0; e < 4; ++e) x.e[e] = __fadd_rn(x.e[e], sums[0].e[e]);
      store(at, x);
    }
  }
  const float squares = chunk_squares(x);
  if (threadIdx.x % 32 == 0) post(call.squares + row * chunks_of_row(call.width) + chunk, squares, epoch);
  return x;
}

// The second half, once the sums of the other chunks are there.
template <class T>
__device__ __forceinline__ void norm_chunk(const RowsCall& call, int32_t row, int32_t chunk,
                                           const Pack<float, 4>& x, uint32_t epoch) {
  const int32_t chunks = chunks_of_row(call.width), lane = threadIdx.x % 32;
  const int32_t j = chunk * kNormChunk + lane * 4;
  Pack<T, 4> weight = {};
  if (j < call.width) weight = load<T, 4>(static_cast<const T*>(call.weight) + j);
  float mine = 0;
  for (int32_t c = lane; c < chunks; c += 32) mine += await(call.squares + row * chunks + c, epoch);
  const float scale = norm_scale(mine, call.width, call.eps);
  if (j < call.width) {
    store(static_cast<T*>(call.out) + int64_t(row) * call.out_stride + j, scaled(x, scale, weight));
  }
}

// A warp's chunks: first the squares of all of them, as other warps wait for these.
template <class T>
__device__ __forceinline__ void norm_share(const RowsCall& call, const TileParts* tiles, uint32_t epoch) {
  constexpr int kHeld = 2;  // chunks that stay in registers in between
  const int32_t chunks = chunks_of_row(call.width), all = call.m * chunks;
  const int32_t step = gridDim.x * (kConsumers / 32), begin = threadIdx.x / 32 * gridDim.x + blockIdx.x;
  Pack<float, 4> held[kHeld] = {};
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    const int32_t i = begin + h * step;
    if (i < all) held[h] = square_chunk<T>(call, tiles, i / chunks, i % chunks, epoch);
  }
  for (int32_t i = begin + kHeld * step; i < all; i += step) {
    square_chunk<T>(call, tiles, i / chunks, i % chunks, epoch);
  }
#pragma unroll
  for (int h = 0; h < kHeld; ++h) {
    const int32_t i = begin + h * step;
    if (i < all) norm_chunk<T>(call, i / chunks, i % chunks, held[h], epoch);
  }
  for (int32_t i = begin + kHeld * step; i < all; i += step) {
    const int32_t row = i / chunks, j = i % chunks * kNormChunk + int32_t(threadIdx.x % 32) * 4;
    Pack<float, 4> x = {};
    if (j < call.width) x = load<float, 4>(call.x + int64_t(row) * call.width + j);
    norm_chunk<T>(call, row, i % chunks, x, epoch);
  }
}

// A lane's part of a head, from qkv or from the parts of the product that gives it.
template <class T>
__device__ __forceinline__ HeadPart<T, 2, 1> fetch_head(const RopeCall& call, const TileParts* tiles,
                                                        int32_t head, int32_t row) {
  const RopeKv& rope = call.rope;
  const int32_t d = rope.head_dim, lane = threadIdx.x % 32, half = d / 2;
  T* const in = static_cast<T*>(rope.qkv) +
                (row * (int64_t(rope.heads) + 2 * int64_t(rope.kv_heads)) + head) * d;
  HeadPart<T, 2, 1> part;
  if (call.parts.sums == nullptr) {
    part.fetch(in, d);
  } else if (2 * lane < half) {
    const int32_t low = head * d + 2 * lane, high = low + half;
    Pack<float, 2> sums[2] = {};
    add_parts<2, 2>(sums, call.parts, tiles, {row, row}, {low, high});
    part.low[0] = rounded<T>(sums[0], call.parts, low);
    part.high[0] = rounded<T>(sums[1], call.parts, high);
    if (head >= rope.heads) part.keep(in, d);
  }
  return part;
}

// The gated activation; a thread takes kTogether packs at a time, so that more loads are on their way.
template <class T, int kTogether>
__device__ __forceinline__ void activate(const SiluCall& call, const TileParts* tiles) {
  const int32_t packs = call.n / 4, all = call.m * packs, stride = gridDim.x * kConsumers;
  const int32_t begin = (threadIdx.x / 32 * gridDim.x + blockIdx.x) * 32 + threadIdx.x % 32;
  for (int32_t first = begin; first < all; first += kTogether * stride) {
    int32_t rows[2 * kTogether], outputs[2 * kTogether];  // of gates, then of ups
#pragma unroll
    for (int i = 0; i < kTogether; ++i) {
      const int32_t item = first + i * stride < all ? first + i * stride : first;
      rows[i] = rows[kTogether + i] = item / packs;
      outputs[i] = item % packs * 4;
      outputs[kTogether + i] = call.n + outputs[i];
    }
    Pack<T, 4> x[2 * kTogether];
    const auto at = [&](int i) {
      return static_cast<T*>(call.x) + int64_t(rows[i]) * 2 * call.n + outputs[i];
    };
    if (call.parts.sums) {
      Pack<float, 4> sums[2 * kTogether] = {};
      add_parts<2 * kTogether, 4>(sums, call.parts, tiles, rows, outputs);
#pragma unroll
      for (int i = 0; i < 2 * kTogether; ++i) {
        x[i] = rounded<T>(sums[i], call.parts, outputs[i]);
        store(at(i), x[i]);
      }
    } else {
#pragma unroll
      for (int i = 0; i < 2 * kTogether; ++i) x[i] = load<T, 4>(at(i));
    }
#pragma unroll
    for (int i = 0; i < kTogether; ++i) {
      store(static_cast<T*>(call.out) + int64_t(rows[i]) * call.n + outputs[i],
            silu_mul(x[i], x[kTogether + i]));
    }
  }
}

}  // namespace forward
}  // namespace smq

// The sums of a product that the op behind it adds up. A tile's inputs are spread over several blocks;
// instead of waiting for the last of them to add their sums, and then for all blocks to see the result, every
// block leaves its sums as parts, and whoever reads an output adds its parts, in the order of inputs: the bits
// that finish_tile of split.cuh gives.
#pragma once

#include "gemm/split.cuh"
#include "gemm/w4a16_layout.cuh"
#include "ops/elements.cuh"

namespace smq {
namespace forward {

// Slots of [rows, outputs of a tile] f32: each worker has `slots` of them, one for each tile that it comes to.
struct Parts {
  float* sums;       // null: there are none
  const void* bias;  // of the activations' dtype, or null
  Split split;
  int32_t slots, rows;
  int32_t most;      // of one output
  int32_t shift;     // a tile has 1 << shift outputs

  __host__ __device__ int32_t slot_floats() const { return rows << shift; }
};

constexpr int32_t kW4Shift = 8, kF16Shift = 7;
static_assert(w4a16::kTile == 1 << kW4Shift && kF16Tile == 1 << kF16Shift, "tiles of powers of two");

// Divisions in 32 bits, several times as quick as Split's own: the host has made sure that they hold the
// products (fits_32_bits).
inline bool fits_32_bits(const Split& split) {
  return (int64_t(split.units()) + 1) * split.workers < int64_t(1) << 31;
}
__device__ __forceinline__ uint32_t first_unit(const Split& split, uint32_t worker) {
  return uint32_t(split.units()) * worker / uint32_t(split.workers);
}
__device__ __forceinline__ uint32_t owner_of(const Split& split, uint32_t unit) {
  return ((unit + 1) * uint32_t(split.workers) - 1) / uint32_t(split.units());
}

constexpr int kMostTiles = 512;  // of a product that leaves parts

// Where the parts of a tile lie, in floats from Parts::sums on: of its first worker, and of the next one.
struct TileParts {
  int32_t first, rest, count;

  TileParts() = default;
  __device__ __forceinline__ TileParts(const Parts& parts, int32_t tile) {
    const Split& split = parts.split;
    const uint32_t start = uint32_t(tile * split.blocks);
    const uint32_t first_worker = owner_of(split, start);
    const uint32_t last_worker = owner_of(split, start + uint32_t(split.blocks) - 1);
    const uint32_t slot = uint32_t(tile) - first_unit(split, first_worker) / uint32_t(split.blocks);
    const int32_t slot_floats = parts.slot_floats(), step = parts.slots * slot_floats;
    first = int32_t(first_worker) * step + int32_t(slot) * slot_floats;
    rest = int32_t(first_worker + 1) * step;
    count = int32_t(last_worker - first_worker) + 1;
  }
};

// All tiles of a product, in shared memory, by `threads` threads of a block. A barrier comes behind it.
__device__ __forceinline__ void list_parts(TileParts* tiles, const Parts& parts, int threads) {
  if (parts.sums == nullptr) return;
  for (int tile = threadIdx.x; tile < parts.split.tiles; tile += threads) tiles[tile] = TileParts(parts, tile);
}

// Adds up the parts of Packs runs of Count neighbouring outputs of a row, several loads at a time.
// outputs: the first of each run.
template <int Packs, int Count>
__device__ __forceinline__ void add_parts(Pack<float, Count> (&sums)[Packs], const Parts& parts,
                                          const TileParts* tiles, const int32_t (&rows)[Packs],
                                          const int32_t (&outputs)[Packs]) {
  constexpr int kAhead = Packs * Count <= 8 ? 8 : Packs * Count <= 16 ? 4 : 2;
  const int32_t step = parts.slots * parts.slot_floats(), mask = (1 << parts.shift) - 1;
  const float* at[Packs];
  TileParts lists[Packs];
#pragma unroll
  for (int i = 0; i < Packs; ++i) {
    lists[i] = tiles[outputs[i] >> parts.shift];
    at[i] = parts.sums + (rows[i] << parts.shift) + (outputs[i] & mask);
  }
  for (int32_t p = 0; p < parts.most; p += kAhead) {
    Pack<float, Count> part[kAhead][Packs] = {};
#pragma unroll
    for (int a = 0; a < kAhead; ++a) {
#pragma unroll
      for (int i = 0; i < Packs; ++i) {
        const int32_t offset = p + a == 0 ? lists[i].first : lists[i].rest + (p + a - 1) * step;
        if (p + a < lists[i].count) part[a][i] = load_fresh<Count>(at[i] + offset);
      }
    }
#pragma unroll
    for (int a = 0; a < kAhead; ++a) {
#pragma unroll
      for (int i = 0; i < Packs; ++i) {
        if (p + a >= lists[i].count) continue;
#pragma unroll
        for (int e = 0; e < Count; ++e) {
          sums[i].e[e] = p + a == 0 ? part[a][i].e[e] : __fadd_rn(sums[i].e[e], part[a][i].e[e]);
        }
      }
    }
  }
}

template <class T, int Count>
__device__ __forceinline__ void add_bias(Pack<float, Count>& sums, const Parts& parts, int32_t output) {
  if (parts.bias == nullptr) return;
  const T* const bias = static_cast<const T*>(parts.bias) + output;
#pragma unroll
  for (int e = 0; e < Count; ++e) sums.e[e] = __fadd_rn(sums.e[e], widen(bias[e]));
}

// Outputs `output` .. of a row, rounded to the activations' dtype as they would be stored.
template <class T, int Count>
__device__ __forceinline__ Pack<T, Count> rounded(Pack<float, Count> sums, const Parts& parts,
                                                  int32_t output) {
  add_bias<T>(sums, parts, output);
  Pack<T, Count> result;
#pragma unroll
  for (int e = 0; e < Count; ++e) result.e[e] = narrow<T>(sums.e[e]);
  return result;
}

// Where a worker leaves its sums of the tile of `unit`; its first unit is `begin`.
__device__ __forceinline__ float* part_of(const Parts& parts, int32_t unit, int32_t begin) {
  const int32_t slot = unit / parts.split.blocks - begin / parts.split.blocks;
  return parts.sums + (int64_t(blockIdx.x) * parts.slots + slot) * parts.slot_floats();
}

// Leaves sums in the fragments of split.cuh, Order::kFours.
template <int N>
__device__ __forceinline__ void leave_part(float* part, int32_t m, int group, int thread,
                                           const float (&sums)[2][N / 2]) {
  const int warp = thread / 32, g = thread % 32 / 4, t = thread % 4;
  float* const to = part + (group * 4 + warp) * 32 + 4 * g;
#pragma unroll
  for (int c = 0; c < N / 8; ++c) {
#pragma unroll
    for (int column = 0; column < 2; ++column) {
      const int row = 8 * c + 2 * t + column;
      if (row >= m) continue;
      __stcg(reinterpret_cast<float4*>(to + row * w4a16::kTile),
             make_float4(sums[0][4 * c + column], sums[0][4 * c + 2 + column], sums[1][4 * c + column],
                         sums[1][4 * c + 2 + column]));
    }
  }
}

// The same for Order::kNatural.
template <int N>
__device__ __forceinline__ void leave_part(float* part, int32_t m, int group, int thread,
                                           const float (&sums)[1][N / 2]) {
  const int warp = thread / 32, g = thread % 32 / 4, t = thread % 4;
  float* const to = part + (group * 4 + warp) * 16 + g;
#pragma unroll
  for (int c = 0; c < N / 8; ++c) {
#pragma unroll
    for (int column = 0; column < 2; ++column) {
      const int row = 8 * c + 2 * t + column;
      if (row >= m) continue;
      __stcg(to + row * kF16Tile, sums[0][4 * c + column]);
      __stcg(to + row * kF16Tile + 8, sums[0][4 * c + 2 + column]);
    }
  }
}

}  // namespace forward
}  // namespace smq

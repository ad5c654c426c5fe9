// The parts that a product has left of one row: a thread adds two outputs, which lie side by side in a vector, as three
// quarters of a tile's threads have no row (docs/adr/0057).
#pragma once

#include "gemm/stream/parts.cuh"

namespace smq {

// Of pair p of a product's outputs, in row 0.
template <Order O>
struct PairOfOne {
  static_assert(O != Order::kPairs, "kernels of few rows have no such order");
  static constexpr bool kNatural = O == Order::kNatural;
  static constexpr int kApart = kNatural ? 8 : 1;  // from the first output to the second one
  static constexpr int kAhead = 16;                // parts on their way
  const float4 *first, *next;  // of the first of the workers, of the second one
  int32_t count;               // of workers, 0 where one of them has written the outputs itself
  int32_t apart;               // from a worker to the next one

  static __host__ __device__ int32_t output(int32_t p) { return kNatural ? p / 8 * 16 + p % 8 : 2 * p; }

  // Before the wait. output: the first one.
  __device__ __forceinline__ PairOfOne(const StreamCall& call, const PartsOf<O>& parts, int32_t output) {
    constexpr int kTile = kNatural ? kF16Tile : 2 * kF16Tile;
    const int32_t tile = output / kTile, at = output % kTile;
    const int32_t warp = kNatural ? at / 16 : at / 32, g = kNatural ? at % 16 : at % 32 / 4;
    const int j = kNatural ? 0 : at % 4 / 2;
    TileWorkers workers;
    workers.find(call.split, tile);
    count = workers.shared() ? workers.last - workers.first + 1 : 0;
    const float4* const all =
        reinterpret_cast<const float4*>(call.partials) + parts.at(0, false, warp / 4, j, 0, warp % 4 * 32 + 4 * g);
    first = all + parts.at(workers.first, workers.second, 0, 0, 0, 0);
    next = all + parts.at(workers.first + 1, false, 0, 0, 0, 0);
    apart = int32_t(parts.at(1, false, 0, 0, 0, 0));
    ptx::known_here(first, next, count);
  }

  // Their sums, without bias; asked() runs while the first parts are on their way.
  template <class Asked>
  __device__ __forceinline__ float2 sum(Asked&& asked) const {
    float2 v[kAhead], sum = make_float2(0, 0);
    const auto fetch = [&](int32_t base) {
#pragma unroll
      for (int a = 0; a < kAhead; ++a) {
        if (base + a >= count) continue;
        const float4 part = __ldcg(base + a == 0 ? first : next + int64_t(base + a - 1) * apart);
        v[a] = make_float2(part.x, part.z);
      }
    };
    const auto add = [&](auto begins, int32_t base) {
#pragma unroll
      for (int a = 0; a < kAhead; ++a) {
        if (base + a >= count) break;
        if (decltype(begins)::value && a == 0) sum = v[0];
        else sum.x += v[a].x, sum.y += v[a].y;
      }
    };
    fetch(0);
    asked();
    add(std::true_type(), 0);
#pragma unroll 1
    for (int32_t base = kAhead; base < count; base += kAhead) {
      fetch(base);
      add(std::false_type(), base);
    }
    return sum;
  }

  // Adds the bias.
  template <class T>
  static __device__ __forceinline__ void add_bias(float2& sum, const StreamCall& call, int32_t output) {
    if (!call.bias) return;
    const T* const bias = static_cast<const T*>(call.bias) + output;
    sum.x += float(bias[0]), sum.y += float(bias[kApart]);
  }
};

}  // namespace smq

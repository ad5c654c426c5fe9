// What is known of a product of few rows at its launch, and of the parts that it leaves. Sharing: split.cuh.
#pragma once

#include <cstdint>

#include <cuda_runtime.h>

namespace smq {

struct Split {
  int32_t tiles, blocks, workers;

  __host__ __device__ int32_t units() const { return tiles * blocks; }
  __host__ __device__ int32_t begin(int32_t worker) const {
    return int32_t(int64_t(units()) * worker / workers);
  }
  // Whether some tile has several workers.
  bool shares_tiles() const { return units() % workers != 0 || units() / workers % blocks != 0; }
  // The worker that takes a unit.
  __host__ __device__ int32_t owner(int32_t unit) const {
    return int32_t(((int64_t(unit) + 1) * workers - 1) / units());
  }
};

// A unit of weights of the activations' dtype; those of four bits: w4a16_layout.cuh.
constexpr int kF16Tile = 128;  // outputs
constexpr int kF16Block = 64;  // inputs

// Units that one multiprocessor may have under way, at least 1: while kernels before this one run, and behind them.
struct Pace {
  int32_t before, behind;
};

// What the kernels of few rows are given, all but the maps of their copies.
struct StreamCall {
  const void* w;
  const void* x;
  void* y;
  const void* bias;
  float4* partials;    // two slots for each worker
  Split split;
  Pace pace;
  int32_t m, n, k, y_stride, epilogue;
  int32_t wide;     // y takes stores of four neighbouring outputs
  int32_t aligned;  // x (and f16 weights) take reads of 16 bytes
};

constexpr int kGroupThreads = 128;  // four warps that share a barrier and a part of a tile
constexpr int kGroups = 2;          // of them in most blocks

// Which outputs the rows of a group's operands are.
enum class Order {
  kNatural,  // one operand a warp, rows in order (f16)
  kFours,    // two operands a warp: rows g, g + 8 of both are outputs 4 g + {0, 1, 2, 3} (w4a16)
  kPairs,    // the same, but a group has one of the operands: groups 2 i and 2 i + 1 share outputs
};

// Parts of shared tiles that the product queued last has left in scratch, and nobody has added yet.
struct Parts {
  StreamCall call;
  Order order;
  int32_t rows;   // that its kernel computes
  int32_t dtype;  // of bias, and of y where the epilogue is SMQ_STORE
};

}  // namespace smq

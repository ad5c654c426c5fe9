// What is known of a product of few rows at its launch, and of the parts that it leaves. Sharing: split.cuh.
#pragma once

#include <cstdint>

#include <cuda_runtime.h>

#include "divisor.cuh"

namespace smq {

// A weight's units, tiles (of outputs) x blocks (of inputs), shared equally: workers whose number is below `rest` have one
// more. Those of high numbers start last, where a multiprocessor still has a small kernel's block, and end last if they
// have as many.
struct Split {
  int32_t tiles = 0, blocks = 1, workers = 1;

  Split() = default;
  Split(int32_t tiles, int32_t blocks, int32_t workers)
      : tiles(tiles), blocks(blocks), workers(workers), each(units() / workers), rest(units() % workers), by_blocks(blocks),
        by_each(each), by_more(each + 1) {}

  __host__ __device__ int32_t units() const { return tiles * blocks; }
  __host__ __device__ int32_t begin(int32_t worker) const { return each * worker + (worker < rest ? worker : rest); }
  __host__ __device__ int32_t tile_of(int32_t unit) const { return by_blocks.quotient(unit); }
  __host__ __device__ int32_t block_of(int32_t unit) const { return unit - tile_of(unit) * blocks; }
  // The worker that takes a unit.
  __host__ __device__ int32_t owner(int32_t unit) const {
    const int32_t behind = unit - rest * (each + 1);
    const int32_t near = behind < 0 ? by_more.quotient(unit) : rest + by_each.quotient(behind);
    return near - (begin(near) > unit);  // of a product so large that the quotient is one too many
  }
  // Whether some tile has several workers.
  bool shares_tiles() const { return rest != 0 || each % blocks != 0; }

 private:
  int32_t each = 0, rest = 0;
  Divisor by_blocks, by_each, by_more;
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

// What a block of the kernel of forwards has: its warps, its shared memory, and how it waits for others.
#pragma once

#include "forward/program.cuh"
#include "gemm/stream_ring.cuh"
#include "gemm/w4a16_layout.cuh"
#include "ops/attention_decode.cuh"

namespace smq {
namespace forward {

constexpr int kConsumerGroups = 2;
constexpr int kConsumers = kConsumerGroups * kGroupThreads;
constexpr int kThreads = kConsumers + kGroupThreads;  // and four warps of which two copy
constexpr int kW4Bytes = w4a16::kNibbleBytes + w4a16::kTile * 2;
constexpr int kF16Bytes = kF16Tile * kF16Block * 2;
constexpr int kUnitRoom = (kW4Bytes + 1023) / 1024 * 1024;  // of either
constexpr int kAttendTiles = 2;  // of query rows, that attention holds at once
constexpr int kAllBarrier = 1 + kConsumerGroups;  // a named barrier of all consumers

// What a block has beside its ring.
struct Notes {
  alignas(16) uint8_t instructions[3][kInstructionHead];
  TileParts tiles[kMostTiles];  // of the product before
  uint32_t flags[kConsumerGroups];
  uint64_t rows_here[16];  // a barrier for each stage: its rows' inputs have come
};

template <int N>
struct Layout {
  static constexpr int kRows = N * w4a16::kBlock * 2;
  // Few rows give attention few units of work: half the consumers are enough, and the ring longer.
  static constexpr int kAttendGroups = N >= 32 ? 2 : 1;
  static constexpr int kAttend = int(sizeof(AttendShared<128, kAttendTiles>));
  static constexpr int kBeside = kAttendGroups * kAttend + int(sizeof(Notes));
  static constexpr int kStages = (kWholeShared - kRingExtra - kBeside) / (kRows + kUnitRoom);
  using R = Ring<kStages, kRows, kUnitRoom>;
  static constexpr int kBytes = R::kBytes + kBeside;
};

__device__ __forceinline__ void all_consumers() { ptx::block_barrier(kAllBarrier, kConsumers); }

// Waits until blocks have arrived `arrivals` times.
__device__ __forceinline__ void wait_for_blocks(const uint32_t* counter, uint32_t arrivals) {
  while (ptx::load_acquire(counter) < arrivals) {
  }
}

// The first and the end of this block's units.
__device__ __forceinline__ int2 share_of(const Split& split) {
  const int worker = blockIdx.x;
  if (worker >= split.workers) return make_int2(0, 0);
  return make_int2(int(first_unit(split, worker)), int(first_unit(split, worker + 1)));
}

// A consumer's view of its block.
template <int N>
struct Consumer {
  using R = typename Layout<N>::R;
  R ring;
  Notes* notes;
  Cursor<R::kStages> at;
  int group, thread;  // of the group

  __device__ __forceinline__ void wait_full(const Cursor<R::kStages>& at) const {
    ptx::barrier_wait(ring.full(at.stage), at.parity);
    ptx::barrier_wait(ptx::shared_address(&notes->rows_here[at.stage]), at.parity);
  }
  __device__ __forceinline__ void release(int stage) const {
    if (thread % 32 == 0) ptx::barrier_arrive(ring.empty(stage));
  }
};

}  // namespace forward
}  // namespace smq

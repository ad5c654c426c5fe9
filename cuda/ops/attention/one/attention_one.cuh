// Attention of one row as one kernel (sm_90): a cluster of blocks takes a kv head, each block some of the list's spans,
// and each folds a share of the outputs of all spans, which the others write into its shared memory. Where the rotation
// before it waits for that (rope_kv.cu), it also adds up what the product before has left, rotates, and writes what
// smq_rope_kv writes. Blocks are small enough to start beside a product's. The order of arithmetic is that of the
// kernels of several rows (attention_cut.cuh), and so are the bits.
#pragma once

#include "ops/attention/one/attention_one_parts.cuh"

namespace smq {

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

// Folds a share of the spans' outputs, four a thread, in the order of the spans, and writes it.
template <class T, int D>
__device__ __forceinline__ void fold_spans(const OneCall& call, const OneShape<D>& shape, const uint8_t* memory,
                                           int32_t spans, int32_t kv_head) {
  const AttentionArgs& args = call.args;
  const int32_t flat = int32_t(blockIdx.x) * shape.share + 4 * int32_t(threadIdx.x);
  const int32_t head = flat / D;
  const float4* const values = reinterpret_cast<const float4*>(memory + shape.inbox()) + threadIdx.x;
  const float2* const tops = reinterpret_cast<const float2*>(memory + shape.tops()) + head;
  Softmax total;
  float4 result = make_float4(0, 0, 0, 0);
  const auto take = [&](int32_t span) {
    const float2 pair = tops[span * shape.group];
    Softmax softmax;
    softmax.top = pair.x, softmax.sum = pair.y;
    fold(total, result, softmax, values[span * (shape.share / 4)]);
  };
  // Without a branch in between, folds overlap.
  constexpr int kTogether = 4;
  int32_t span = 0;
#pragma unroll 1
  for (; span + kTogether <= spans; span += kTogether) {
#pragma unroll
    for (int a = 0; a < kTogether; ++a) take(span + a);
  }
#pragma unroll 1
  for (; span < spans; ++span) take(span);
  const float inverse = total.empty() ? 0.0f : __frcp_rn(total.sum);
  uint16_t* const out = static_cast<uint16_t*>(args.out) + int64_t(kv_head) * shape.group * D + flat;
  *reinterpret_cast<uint2*>(out) =
      make_uint2(HalfMath<T>::pack(__fmul_rn(result.x, inverse), __fmul_rn(result.y, inverse)),
                 HalfMath<T>::pack(__fmul_rn(result.z, inverse), __fmul_rn(result.w, inverse)));
}

template <class T, int D, class Row>
__device__ __forceinline__ void attend_one(const OneCall& call, const Row& row, uint8_t* memory) {
  using Shape = OneShape<D>;
  const AttentionArgs& args = call.args;
  const int32_t rank = blockIdx.x, blocks = gridDim.x, kv_head = blockIdx.y, group = args.group();
  const Shape shape{{}, group, int32_t(call.share.divisor), call.held_spans, call.stages};
  uint8_t* const ring = memory;
  uint8_t* const queries = memory + shape.queries();
  T* const rows = reinterpret_cast<T*>(memory + shape.rows());
  const uint32_t shared = ptx::shared_address(memory);
  const uint32_t row_told = shared + shape.barriers(), spans_told = row_told + 8;
  if (threadIdx.x == 0) {
    ptx::barrier_init(row_told, 1);
    ptx::barrier_init(spans_told, 1);
    ptx::barrier_init_fence();
  }
  cluster_arrive();
  let_next_start();
  for (int at = threadIdx.x; at < Shape::kQueries / 16; at += kAttendThreads) {
    if (at % (8 * kTileRows) / 8 >= group) reinterpret_cast<uint4*>(queries)[at] = make_uint4(0, 0, 0, 0);
  }
  bool waited = false;
  const auto wait = [&] {
    if (!waited) wait_for_previous();
    waited = true;
  };
  OneList list;
  int32_t mine = -1;     // the place of the pair of this row that is not in the cache yet
  bool keeps = false;    // whether this block writes the row
  int32_t length = 0;
  const auto copy = [&](int32_t stage, int32_t chunk) {
    if (chunk < list.last) {
      if ((chunk + 1) * kChunk > list.length) wait();  // some pair is of this forward
      copy_of_list<D>(shared + stage * Shape::kStage, args, list, kv_head, chunk, mine);
    }
    ptx::commit_copies();
  };
  const auto find = [&](int32_t committed) {
    length = committed;
    list = OneList(call, length, rank, blocks);
    if constexpr (Row::kParts) {
      mine = list.place_of(args, int64_t(length) + row.rope.slot_offset);
      if (!list.seen(mine)) mine = -1;
      keeps = mine >= 0 ? list.holds(mine) : rank == 0;
    }
  };
  const auto fill = [&] {
    for (int stage = 0; stage < call.stages; ++stage) copy(stage, list.chunk + stage);
  };
  if constexpr (Row::kParts) {
    // All that follows from the length is there once the kernels before have ended, though the length may be an earlier
    // forward's; then it is worked out again. Masks and depths would have to be read past the first cache.
    const bool guess = !args.mask && !row.rope.depths;
    Angles<2, 1> angles;
    const auto look = [&](int32_t committed) {
      find(committed);
      angles = Angles<2, 1>(rope_row(row.rope, length, row.rope.depths ? row.rope.depths[0] : 0), D);
    };
    if (guess) {
      look(fresh_length(args));
      foretell_pairs<D>(args, list, kv_head);
    }
    cluster_wait();
    tell_row<T, D>(row, group, kv_head, shared + shape.rows(), row_told, wait, [&] {
      const int32_t committed = fresh_length(args);
      if (!guess || committed != length) look(committed);
    });
    fill();
    // Bytes may come before they are expected; no thread but this one arrives.
    if (threadIdx.x == 0) ptx::barrier_expect(row_told, (group + 2) * D * 2);
    ptx::barrier_wait(row_told, 0);
    const int32_t at = mine / kChunk - list.chunk;  // of the stages
    uint8_t* const stage = mine >= 0 && at < call.stages ? ring + at * Shape::kStage : nullptr;
    rotate_row<T, D>(row, angles, rows, queries, stage, mine % kChunk, length, group, kv_head, call.turned, keeps);
  } else {
    if (!call.early) {
      if (!args.mask) {
        find(fresh_length(args));
        foretell_pairs<D>(args, list, kv_head);
      }
      wait();
    }
    find(fresh_length(args));
    fill();
    wait();
    constexpr int kUnitsRow = D / 8;
    for (int at = threadIdx.x; at < group * kUnitsRow; at += kAttendThreads) {
      const int e = at / kUnitsRow, unit = at % kUnitsRow;
      const uint16_t* const query = static_cast<const uint16_t*>(args.qkv) + (kv_head * group + e) * D + 8 * unit;
      *reinterpret_cast<uint4*>(queries + unit / 8 * (kTileRows * kTileRow) + swizzled(e, unit % 8)) =
          load_query(query, true, call.turned);
    }
    cluster_wait();
  }
  if (threadIdx.x == 0) ptx::barrier_expect(spans_told, list.spans * (shape.share * 4 + group * 8));
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  TileSums<T, D, kAttendWarps, 1> sums;
  sums.clear();
  int32_t span = list.chunk / list.span;
  for (int32_t chunk = list.chunk, stage = 0; chunk < list.last; ++chunk) {
    wait_copies(call.stages - 1);
    __syncthreads();
    const int32_t from = list.lowest - chunk * kChunk, end = list.count - chunk * kChunk, first[1][2] = {{from, from}};
    sums.take(ring + stage * Shape::kStage, queries, memory + shape.weights(), call.scale, from > 0 || end < kChunk,
              first, end);
    if (chunk + 1 == (span + 1) * list.span || chunk + 1 == list.last) {
      const int32_t place = span - list.first;
#pragma unroll
      for (int r = 0; r < 2; ++r) {
        const int32_t head = g + 8 * r;
        if (head >= group) continue;
#pragma unroll
        for (int j = 0; j < Shape::kOutputs / 8; ++j) {
          const int32_t flat = head * D + warp * Shape::kOutputs + 8 * j + 2 * t, block = call.share.quotient(flat);
          tell(block, shared + shape.inbox() + (place * shape.share + flat - block * shape.share) * 4,
               sums.values[0][j][2 * r], sums.values[0][j][2 * r + 1], spans_told);
        }
        if (t != 0) continue;
        for (int block = warp; block < blocks; block += kAttendWarps) {
          tell(block, shared + shape.tops() + (place * group + head) * 8, sums.softmax[0][r].top,
               sums.softmax[0][r].sum, spans_told);
        }
      }
      sums.clear();
      ++span;
    }
    const int32_t next = chunk + call.stages;
    if (next < list.last) __syncthreads();  // the stage is read no more
    copy(stage, next);
    if constexpr (Row::kParts) {
      if (mine >= 0 && next == mine / kChunk && next < list.last && threadIdx.x < 2 * (D / 8)) {
        const int value = threadIdx.x / (D / 8), unit = threadIdx.x % (D / 8);
        *reinterpret_cast<uint4*>(ring + stage * Shape::kStage + value * kChunk * 2 * D + unit / 8 * kChunkTile +
                                  swizzled(mine % kChunk, unit % 8)) =
            *reinterpret_cast<const uint4*>(rows + (group + value) * D + 8 * unit);
      }
    }
    if (++stage == call.stages) stage = 0;
  }
  if (4 * int32_t(threadIdx.x) >= shape.share) return;
  ptx::barrier_wait(spans_told, 0);
  fold_spans<T, D>(call, shape, memory, list.spans, kv_head);
}

#endif

template <class T, int D, class Row>
__global__ void __maxnreg__(kRegistersBesideProduct)
    attend_one_kernel(const __grid_constant__ OneCall call, const __grid_constant__ Row row) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  extern __shared__ __align__(128) uint8_t memory[];
  attend_one<T, D>(call, row, memory);
#endif
}

}  // namespace smq

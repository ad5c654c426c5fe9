// One kernel for a whole forward: a block on every multiprocessor walks through the ops of a program, all
// blocks together, and between two ops they wait for each other. Weights do not depend on earlier ops, so
// one thread copies them into a ring of shared memory as fast as there is room, through op after op: while
// the blocks wait, norm and attend, the memory goes on, and the next product finds its weights there. A
// second thread brings the rows' inputs, once the ops before have ended. Eight warps compute.
#pragma once

#include "forward/copiers.cuh"
#include "forward/products.cuh"
#include "forward/rows_ops.cuh"
#include "ops/attention_decode.cuh"
#include "ops/attention_merge.cuh"

namespace smq {
namespace forward {

template <class T, int N, int D>
__device__ __forceinline__ void attend_share(const Consumer<N>& me, const DecodeCall& call, uint8_t* room,
                                             const uint32_t* counter, uint32_t arrivals) {
  constexpr int kParts = Layout<N>::kAttendGroups;
  // The blocks before are waited for within: pairs that were there before them come meanwhile.
  const auto ready = [&] {
    if (me.thread == 0) wait_for_blocks(counter, arrivals);
    ptx::block_barrier(1 + me.group, kGroupThreads);
  };
  if (me.group >= kParts) return ready();
  const int kv_heads = call.args.kv_heads;
  const int32_t blocks = int32_t(gridDim.x) * kParts / kv_heads;  // of a kv head
  const int32_t block = int32_t(blockIdx.x) * kParts + me.group;
  if (block >= blocks * kv_heads) return ready();
  auto& shared =
      *reinterpret_cast<AttendShared<D, kAttendTiles>*>(room + me.group * Layout<N>::kAttend);
  const int barrier = 1 + me.group;
  attend_pieces<T>(call, shared, {block / kv_heads, blocks, block % kv_heads}, me.thread,
                   [&] { ptx::block_barrier(barrier, kGroupThreads); }, ready);
}

template <class T, int N>
__device__ __forceinline__ void run_op(Consumer<N>& me, const Instruction& op, uint8_t* attend_room,
                                       const uint32_t* counter, uint32_t arrivals, uint32_t epoch) {
  // What does not depend on the ops before comes first; wait() stands where that ends.
  const auto wait = [&] {
    if (threadIdx.x == 0) wait_for_blocks(counter, arrivals);
    all_consumers();
  };
  switch (op.kind) {
    case Kind::kW4a16: {
      const int2 units = share_of(op.split);
      wait();
      if constexpr (N <= 16) {
        return multiply_few<T, N>(me, op.as<ProductCall>(), units);
      } else {
        return multiply_many<T, N>(me, op.as<ProductCall>(), units);
      }
    }
    case Kind::kF16: {
      const int2 units = share_of(op.split);
      wait();
      return multiply_f16<T, N>(me, op.as<ProductCall>(), units);
    }
    case Kind::kNorm: {
      const RowsCall& call = op.as<RowsCall>();
      list_parts(me.notes->tiles, call.parts, kConsumers);
      wait();
      return norm_share<T>(call, me.notes->tiles, epoch);
    }
    case Kind::kConvert: {
      const RowsCall& call = op.as<RowsCall>();
      wait();
      return over_elements<4>(call.m, call.width, [&](int32_t row, int32_t j) {
        convert_pack<T, 4>(static_cast<T*>(call.out) + int64_t(row) * call.out_stride + j,
                           call.x + int64_t(row) * call.width + j);
      });
    }
    case Kind::kRope: {
      const RopeCall& call = op.as<RopeCall>();
      const int32_t heads = call.rope.heads + 2 * call.rope.kv_heads;
      const int64_t length = call.rope.cache_length[0];
      list_parts(me.notes->tiles, call.parts, kConsumers);
      wait();
      return over_warps(call.rope.m * heads, [&](int32_t i) {
        const int32_t row = i / heads, head = i % heads;
        rope_head<T, 2, 1>(call.rope, length, head, row,
                           [&] { return fetch_head<T>(call, me.notes->tiles, head, row); });
      });
    }
    case Kind::kAttend: {
      const DecodeCall& call = op.as<DecodeCall>();
      return call.args.head_dim <= 64
                 ? attend_share<T, N, 64>(me, call, attend_room, counter, arrivals)
                 : attend_share<T, N, 128>(me, call, attend_room, counter, arrivals);
    }
    case Kind::kMerge: {
      const DecodeCall& call = op.as<DecodeCall>();
      const int32_t heads = call.args.heads;
      wait();
      return over_warps(call.args.m * heads,
                        [&](int32_t i) { merge_pieces<T>(call, i % heads, i / heads); });
    }
    case Kind::kSilu: {
      const SiluCall& call = op.as<SiluCall>();
      list_parts(me.notes->tiles, call.parts, kConsumers);
      wait();
      return call.m * (call.n / 4) <= int32_t(gridDim.x * kConsumers)
                 ? activate<T, 1>(call, me.notes->tiles)
                 : activate<T, 2>(call, me.notes->tiles);
    }
  }
}

template <class T, int N>
__device__ __forceinline__ void consume(Consumer<N>& me, const Instruction* program, int count,
                                        uint32_t* counter, uint8_t* attend_room) {
  // Instructions of launches before this one: the last block to end counts, when all have long read it.
  const uint32_t epoch = *static_cast<volatile uint32_t*>(counter + 1) + 1;
  // Instructions come two ops ahead.
  const auto note = [&](int i) {
    if (i < count && threadIdx.x < kInstructionHead / 16) {
      ptx::copy16(ptx::shared_address(me.notes->instructions[i % 3]) + threadIdx.x * 16,
                  reinterpret_cast<const uint8_t*>(program + i) + threadIdx.x * 16, 16);
    }
    ptx::commit_copies();
  };
  note(0);
  note(1);
  ptx::wait_copies<1>();
  all_consumers();
  for (int i = 0; i < count; ++i) {
    note(i + 2);
    run_op<T, N>(me, *reinterpret_cast<const Instruction*>(me.notes->instructions[i % 3]), attend_room,
                 counter, uint32_t(i) * gridDim.x, epoch + uint32_t(i));
    ptx::wait_copies<1>();
    all_consumers();
    if (threadIdx.x > 0) continue;
    if (i + 1 < count) {
      ptx::add_release(counter);
    } else if (ptx::add_acquire_release(counter) == uint32_t(count) * gridDim.x - 1) {
      *counter = 0;  // as it was: the last block has ended, none waits any more
      counter[1] += count;
    }
  }
}

template <class T, int N>
__global__ void __launch_bounds__(kThreads, 1)
    forward_kernel(const Instruction* program, int32_t count, uint32_t* counter) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using L = Layout<N>;
  using R = typename L::R;
  extern __shared__ __align__(1024) uint8_t shared[];
  const R ring{ptx::shared_address(shared)};
  uint8_t* const attend_room = shared + R::kBytes;
  Notes* const notes = reinterpret_cast<Notes*>(attend_room + L::kAttendGroups * L::kAttend);
  const uint32_t rows_here = ptx::shared_address(notes->rows_here);
  if (threadIdx.x == 0) {
    for (int stage = 0; stage < R::kStages; ++stage) ptx::barrier_init(rows_here + 8 * stage, 1);
    ring.init(kConsumers);
  }
  __syncthreads();
  let_next_start();
  if (threadIdx.x >= kConsumers) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (threadIdx.x == kConsumers) feed_weights(ring, program, count);
    if (threadIdx.x == kConsumers + 32) {
      wait_for_previous();
      feed_rows<N>(ring, program, count, counter, rows_here);
    }
    return;
  }
  asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
  wait_for_previous();
  Consumer<N> me{ring, notes, {}, int(threadIdx.x) / kGroupThreads, int(threadIdx.x) % kGroupThreads};
  consume<T, N>(me, program, count, counter, attend_room);
#endif
}

template <int N>
int32_t launch_program(smq_context* ctx, const Program& program, uint32_t* counter) {
  const auto kernel = program.dtype == SMQ_F16 ? forward_kernel<__half, N> : forward_kernel<__nv_bfloat16, N>;
  cudaError_t error = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                           cudaFuncAttributeMaxDynamicSharedMemorySize, Layout<N>::kBytes);
  if (error != cudaSuccess) return cuda_status(ctx, error, "a forward");
  // Blocks wait for each other: all or none of them must be on the device, whatever else runs there.
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeCooperative;
  attribute.val.cooperative = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = ctx->sms;
  config.blockDim = kThreads;
  config.dynamicSmemBytes = Layout<N>::kBytes;
  config.stream = ctx->stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  error = cudaLaunchKernelEx(&config, kernel, program.instructions, program.count, counter);
  return error == cudaSuccess ? launched(ctx, "a forward") : cuda_status(ctx, error, "a forward");
}

}  // namespace forward
}  // namespace smq

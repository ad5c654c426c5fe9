// Attention of several rows each of several sequences, as one kernel and a merge: what attention_decode.cuh and
// attention_merge.cuh do of a sequence, for each. A sequence's cut and units come from its own length and masks; how many
// blocks take its units, and which kernel, is nothing that bits know of. Partials lie in scratch, as the workspaces that
// callers give may be one: nothing else is there, since the rotations before have added what the product left.
#pragma once

#include <algorithm>
#include <vector>

#include "ops/attention/attention_place.cuh"
#include "ops/attention/attention_several_fits.cuh"
#include "ops/attention/company.cuh"
#include "ops/attention/few/attention_launch.cuh"
#include "ops/elements.cuh"

namespace smq {

struct SeveralCall {
  DecodeCall one;
  int64_t apart;  // from a sequence's partials to those of the next, in floats
  RowsPlace places[kMostCompany];

  __device__ __forceinline__ DecodeCall of(int32_t sequence) const {
    DecodeCall call = one;
    places[sequence].place(call.args);
    call.pieces.values += sequence * apart;
    call.pieces.softmax += sequence * apart / 2;
    return call;
  }
};

// The first blocks of all sequences come before the second ones, so that those without work are the last.
template <class T, int D, int Sharers>
__global__ void __launch_bounds__(kAttendThreads, AttendShape<D, Sharers, 1>::kBlocks)
    attend_several_kernel(const __grid_constant__ SeveralCall call, int stages, bool early) {
  extern __shared__ __align__(128) uint8_t memory[];
  attend_spans<T, D, Sharers, 1, false, 1>(call.of(blockIdx.x), memory, stages, early, blockIdx.y, gridDim.y);
}

template <class T>
__global__ void __launch_bounds__(kMergeThreads, 4) merge_several_kernel(const __grid_constant__ SeveralCall call) {
  let_next_start();
  merge_pieces<T>(call.of(blockIdx.z));
}

template <class T, int D, int Sharers>
void launch_several(smq_context* ctx, const SeveralCall& call, int sequences, bool early) {
  using Shape = AttendShape<D, Sharers, 1>;
  const Ring ring = ring_of<Shape>(ctx, 2);
  const auto kernel = attend_several_kernel<T, D, Sharers>;
  prefer_shared(kernel);
  const int each = (ring.blocks * ctx->sms + sequences - 1) / sequences;
  const int grid = call.one.tail_units + std::min(each, call.one.most_units());
  const int bytes = std::max(Shape::bytes(ring.stages), TailShape<D>::kBytes);
  launch(ctx, kernel, dim3(unsigned(sequences), unsigned(grid)), dim3(kAttendThreads), size_t(bytes), call, ring.stages,
         early);
}

template <class T, int D>
void launch_several(smq_context* ctx, const SeveralCall& call, int sequences, bool early) {
  const int tiles = call.one.run_tiles;
  if (tiles == 1) launch_several<T, D, 8>(ctx, call, sequences, early);
  else if (tiles == 2) launch_several<T, D, 4>(ctx, call, sequences, early);
  else if (tiles <= 4) launch_several<T, D, 2>(ctx, call, sequences, early);
  else launch_several<T, D, 1>(ctx, call, sequences, early);
  const AttentionArgs& args = call.one.args;
  prefer_shared(merge_several_kernel<T>);
  const int merging = (args.heads * (D / 4) + kMergeThreads - 1) / kMergeThreads;
  launch(ctx, merge_several_kernel<T>, dim3(unsigned(merging), unsigned(args.m), unsigned(sequences)),
         dim3(kMergeThreads), 0, call);
}

template <int D>
void attention_of_several(smq_context* ctx, const std::vector<Attention>& all) {
  AttentionArgs args{all[0]};
  for (const Attention& one : all) args.slots = std::max(args.slots, one.slots);
  args.workspace = static_cast<float*>(ctx->scratch);
  constexpr int32_t kWord = 64;  // rows that have no mask differ by fewer pairs
  SeveralCall call{DecodeCall(args, kSeveralTiles, true, kWord * std::max(1, args.mask_words)), 0, {}};
  const Pieces& pieces = call.one.pieces;
  call.apart = (int64_t(args.m) * args.heads * pieces.pieces * (pieces.width + 2) + 31) / 32 * 32;
  // As many as scratch has room for, and then evenly.
  const size_t held = std::max<size_t>(1, ctx->scratch_bytes / (size_t(call.apart) * sizeof(float)));
  const size_t launches = (all.size() + held - 1) / held;
  for (size_t at = 0; at < launches; ++at) {
    const size_t from = all.size() * at / launches, end = all.size() * (at + 1) / launches;
    if (end - from == 1) {  // has a workspace of its own
      queue_attention(ctx, all[from]);
      continue;
    }
    for (size_t i = from; i < end; ++i) call.places[i - from] = RowsPlace(all[i]);
    // The kernel before the first one is that of all rotations.
    const bool early = at == 0 && ctx->capability >= 90;
    with_half(args.dtype, [&](auto type) { launch_several<decltype(type), D>(ctx, call, int(end - from), early); });
  }
}

}  // namespace smq

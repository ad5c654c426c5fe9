// Rows of an embedding table in eight bits, in groups, as it is packed for products.
#include "gemm/weights/units.cuh"
#include "ops/elements.cuh"

using namespace smq;

namespace {

constexpr int kThreads = 128;

// One block a piece of a row; a thread writes kCount elements.
template <class Out, int kCount>
__global__ void embed_w8_group(const EmbedW8 args, const units::Layout layout) {
  wait_for_previous();
  let_next_start();
  const int64_t i = blockIdx.x;
  const int32_t from = int32_t(blockIdx.y * kThreads + threadIdx.x) * kCount;
  if (from >= args.hidden) return;
  const int64_t first = (args.start ? int64_t(args.start[0]) : 0) + args.shift;
  const int32_t token = args.tokens[first + i];
  Pack<Out, kCount> row;
  if (token < 0 || token >= args.vocab) {
    for (auto& e : row.e) e = narrow<Out>(0.0f);
  } else {
    const uint8_t* const unit = reinterpret_cast<const uint8_t*>(args.table) + layout.unit(token, from);
    const __half* const pair = reinterpret_cast<const __half*>(unit + layout.byte_group_scale(token, from));
    const float scale = widen(pair[0]), offset = args.offsets ? widen(pair[1]) : 0.0f;
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      const float q = float(int8_t(unit[units::grouped_byte(token, from + j)]));
      row.e[j] = narrow<Out>(args.offsets ? fmaf(q, scale, offset) : q * scale);
    }
  }
  store(reinterpret_cast<Out*>(args.out) + i * args.out_stride + from, row);
}

template <class Out>
void embed(smq_context* ctx, const EmbedW8& args) {
  const bool wide = aligned(args.out | uint64_t(args.out_stride) * sizeof(Out), 16);
  const auto kernel = wide ? embed_w8_group<Out, 4> : embed_w8_group<Out, 1>;
  const dim3 grid(unsigned(args.m), blocks_for(args.hidden, kThreads * (wide ? 4 : 1)));
  launch(ctx, kernel, grid, kThreads, 0, args,
         units::byte_groups_layout(args.vocab, args.hidden, args.group, args.offsets != 0));
}

}  // namespace

int32_t smq::run_embed_w8_group(smq_context* ctx, const EmbedW8& args) {
  if (args.out_dtype == SMQ_F32) {
    embed<float>(ctx, args);
  } else {
    with_half(args.out_dtype, [&](auto to) { embed<decltype(to)>(ctx, args); });
  }
  return launched(ctx, "smq_embed_w8_group");
}

// Rows of an embedding table.
#include "ops/elements.cuh"

using namespace smq;

namespace {

constexpr int kThreads = 128;

// One block a piece of a row; a thread moves kCount elements.
template <class Out, class In, int kCount>
__global__ void embed_kernel(const Embed args) {
  wait_for_previous();
  let_next_start();
  const int64_t i = blockIdx.x;
  const int64_t from = (int64_t(blockIdx.y) * kThreads + threadIdx.x) * kCount;
  if (from >= args.hidden) return;
  const int64_t first = (args.start ? int64_t(args.start[0]) : 0) + args.shift;
  const int32_t token = args.tokens[first + i];
  Pack<Out, kCount> row;
  if (token < 0 || token >= args.vocab) {
    for (auto& e : row.e) e = narrow<Out>(0.0f);
  } else {
    const In* table = reinterpret_cast<const In*>(args.table);
    const auto stored = load<In, kCount>(table + int64_t(token) * args.hidden + from);
#pragma unroll
    for (int j = 0; j < kCount; ++j) row.e[j] = narrow<Out>(widen(stored.e[j]));
  }
  store(reinterpret_cast<Out*>(args.out) + i * args.out_stride + from, row);
}

template <class Out, class In>
void embed(smq_context* ctx, const Embed& args) {
  const bool wide = aligned(args.out | args.table | uint64_t(args.out_stride) * sizeof(Out) |
                                uint64_t(args.hidden) * 2,
                            16);
  const auto kernel = wide ? embed_kernel<Out, In, 8> : embed_kernel<Out, In, 1>;
  const dim3 grid(unsigned(args.m), blocks_for(args.hidden, kThreads * (wide ? 8 : 1)));
  launch(ctx, kernel, grid, kThreads, 0, args);
}

}  // namespace

int32_t smq::run_embed(smq_context* ctx, const Embed& args) {
  with_half(args.table_dtype, [&](auto in) {
    using In = decltype(in);
    if (args.out_dtype == SMQ_F32) return embed<float, In>(ctx, args);
    with_half(args.out_dtype, [&](auto to) { embed<decltype(to), In>(ctx, args); });
  });
  return launched(ctx, "smq_embed");
}

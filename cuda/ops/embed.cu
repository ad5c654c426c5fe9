// Rows of an embedding table.
#include "ops/elements.cuh"

using namespace smq;

namespace {

constexpr int kThreads = 128;

struct Embed {
  uint64_t out, table;
  const int32_t *tokens, *start;
  int32_t out_stride, shift, hidden, vocab;
};

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
void embed(smq_context* ctx, const Embed& args, int32_t m) {
  const bool wide = aligned(args.out | args.table | uint64_t(args.out_stride) * sizeof(Out) |
                                uint64_t(args.hidden) * 2,
                            16);
  const auto kernel = wide ? embed_kernel<Out, In, 8> : embed_kernel<Out, In, 1>;
  const dim3 grid(unsigned(m), blocks_for(args.hidden, kThreads * (wide ? 8 : 1)));
  launch(ctx, kernel, grid, kThreads, 0, args);
}

}  // namespace

int32_t smq_embed(smq_context* ctx, uint64_t out, int32_t out_stride, int32_t out_dtype,
                  uint64_t table, int32_t table_dtype, uint64_t tokens, uint64_t start,
                  int32_t shift, int32_t m, int32_t hidden, int32_t vocab) {
  Check check;
  check.pointer("ctx", ctx).address("out", out).address("table", table).address("tokens", tokens);
  check.dtype("out_dtype", out_dtype).half("table_dtype", table_dtype).at_least("m", m, 1);
  check.at_least("hidden", hidden, 1).at_least("vocab", vocab, 1);
  check.at_least("out_stride", out_stride, hidden).extent("table", table, vocab, hidden, 2);
  if (check.extent("out", out, m, out_stride, 4).failed()) return check.status();
  const Embed args{out, table, at<const int32_t>(tokens), at<const int32_t>(start), out_stride,
                   shift, hidden, vocab};
  with_half(table_dtype, [&](auto in) {
    using In = decltype(in);
    if (out_dtype == SMQ_F32) return embed<float, In>(ctx, args, m);
    with_half(out_dtype, [&](auto to) { embed<decltype(to), In>(ctx, args, m); });
  });
  return launched(ctx, "smq_embed");
}

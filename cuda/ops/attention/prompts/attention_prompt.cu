// Attention of prompts on Hopper: its table of instantiations and its launch.
#include "ops/attention/prompts/attention_prompt.cuh"

#include <algorithm>

namespace smq {
namespace {

template <class T, int D>
int32_t launch_prompt(smq_context* ctx, const AttentionArgs& args) {
  PromptMaps maps;
  if (!map_rows(&maps.queries, args.qkv, args.m, int32_t(args.qkv_row()), 64) ||
      !map_rows(&maps.keys, args.k_cache, args.slots, int32_t(args.kv_row()), kPromptPairs) ||
      !map_rows(&maps.values, args.v_cache, args.slots, int32_t(args.kv_row()), kPromptPairs)) {
    return fail(SMQ_DEVICE, "the driver refused to describe qkv or a cache to the copy engine");
  }
  const int runs = (args.m + kPromptRows - 1) / kPromptRows;
  launch(ctx, prompt_kernel<T, D>, dim3(unsigned(std::min(ctx->sms, args.heads * runs))), dim3(kPromptThreads),
         PromptShape<D>::kBytes, args, maps);
  return launched(ctx, "attention");
}

template <class T>
int32_t launch_dim(smq_context* ctx, const AttentionArgs& args) {
  return args.head_dim == 64 ? launch_prompt<T, 64>(ctx, args) : launch_prompt<T, 128>(ctx, args);
}

}  // namespace

bool prompt_fits_hopper(const smq_context* ctx, const AttentionArgs& args) {
  return ctx->capability == 90 && (args.head_dim == 64 || args.head_dim == 128) && args.scale > 0;
}

int32_t prompt_on_hopper(smq_context* ctx, const AttentionArgs& args, int32_t dtype) {
  return dtype == SMQ_F16 ? launch_dim<__half>(ctx, args) : launch_dim<__nv_bfloat16>(ctx, args);
}

}  // namespace smq

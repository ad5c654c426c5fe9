// Products of more than kFewRows rows.
#include "gemm/prompts/prefill.cuh"

namespace smq {

int32_t dense(smq_context* ctx, const DenseArgs& args) {
  return ctx->capability == 90 && dense_fits_hopper(args) ? dense_hopper(ctx, args)
                                                          : dense_ampere(ctx, args);
}

int32_t smq_prefill_f16(smq_context* ctx, const GemmArgs& args) {
  DenseArgs call{};
  call.y = at<void>(args.y);
  call.x = at<const void>(args.x);
  call.w = at<const void>(args.w);
  call.bias = at<const void>(args.bias);
  call.m = args.m;
  call.n = args.n;
  call.k = args.k;
  call.x_stride = args.k;
  call.w_stride = args.k;
  call.y_stride = args.y_stride;
  call.wide = args.epilogue != SMQ_STORE;
  call.add = args.epilogue == SMQ_RESIDUAL;
  call.dtype = args.dtype;
  return dense(ctx, call);
}

}  // namespace smq

// The products of the ABI: few rows or many.
#include "gemm/gemm.cuh"

using namespace smq;

int32_t smq::run_gemm_f16(smq_context* ctx, const GemmArgs& args) {
  Check check;
  if (check_units(check, args.n, args.k).failed()) return check.status();
  if (const int32_t status = enter(ctx)) return status;
  return args.m <= kFewRows ? stream_f16(ctx, args) : smq_prefill_f16(ctx, args);
}

// The shape has been checked by run_w4a16_bytes.
int32_t smq::run_gemm_w4a16(smq_context* ctx, const GemmArgs& args) {
  Check check;
  // The copy engine moves 16 bytes at a time.
  if (check.multiple("w", int64_t(args.w & 15), 16).failed()) return check.status();
  if (const int32_t status = enter(ctx)) return status;
  return args.m <= kFewRows ? stream_w4a16(ctx, args) : smq_prefill_w4a16(ctx, args);
}

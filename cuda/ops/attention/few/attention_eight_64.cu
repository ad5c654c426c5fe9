// Attention of few rows over caches in 8 bits, head_dim padded to 64.
#include "ops/attention/few/attention_launch.cuh"

int32_t smq::decode_of_eight_64(smq_context* ctx, const AttentionArgs& args, int32_t dtype) {
  return dtype == SMQ_F16 ? launch_decode<64, true>(ctx, args, __half())
                          : launch_decode<64, true>(ctx, args, __nv_bfloat16());
}

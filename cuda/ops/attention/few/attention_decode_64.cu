// Attention of few rows, head_dim padded to 64.
#include "ops/attention/few/attention_launch.cuh"

int32_t smq::decode_attention_64(smq_context* ctx, const AttentionArgs& args, int32_t dtype) {
  return dtype == SMQ_F16 ? launch_decode<64, false>(ctx, args, __half())
                          : launch_decode<64, false>(ctx, args, __nv_bfloat16());
}

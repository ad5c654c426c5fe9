// Attention of few rows, head_dim padded to 128.
#include "ops/attention/few/attention_launch.cuh"

int32_t smq::decode_attention_128(smq_context* ctx, const AttentionArgs& args, int32_t dtype) {
  return dtype == SMQ_F16 ? launch_decode<128, false>(ctx, args, __half())
                          : launch_decode<128, false>(ctx, args, __nv_bfloat16());
}

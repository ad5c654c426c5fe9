#include "ops/attention_one_launch.cuh"

int32_t smq::attention_of_one_128(smq_context* ctx, const AttentionArgs& args, bool rotate) {
  return attention_of_one<128>(ctx, args, rotate);
}

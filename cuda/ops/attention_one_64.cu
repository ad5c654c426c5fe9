#include "ops/attention_one_launch.cuh"

int32_t smq::attention_of_one_64(smq_context* ctx, const AttentionArgs& args, bool rotate) {
  return attention_of_one<64>(ctx, args, rotate);
}

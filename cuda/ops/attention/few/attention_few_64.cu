#include "ops/attention/few/attention_few.cuh"

int32_t smq::attention_of_few_64(smq_context* ctx, const AttentionArgs& args) { return attention_of_few<64>(ctx, args); }

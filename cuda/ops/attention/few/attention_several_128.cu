// Attention of several rows each of several sequences, head_dim 128.
#include "ops/attention/few/attention_several.cuh"

void smq::attention_of_several_128(smq_context* ctx, const std::vector<Attention>& all) {
  attention_of_several<128>(ctx, all);
}

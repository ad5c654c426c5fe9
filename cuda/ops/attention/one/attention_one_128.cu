#include "ops/attention/one/attention_company.cuh"

int32_t smq::attention_of_one_128(smq_context* ctx, const AttentionArgs& args, bool rotate) {
  return attention_of_one<128>(ctx, args, rotate);
}

void smq::attention_of_company_128(smq_context* ctx, const std::vector<Attention>& all) {
  attention_of_company<128>(ctx, all);
}

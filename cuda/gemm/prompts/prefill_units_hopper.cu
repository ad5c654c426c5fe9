// Weights in units times many rows on Hopper.
#include "gemm/prompts/prefill_units_launch.cuh"

namespace smq {

// The table of instantiations.
template int32_t prefill_units_on_hopper<W8A8>(smq_context*, const UnitsCall&);
template int32_t prefill_units_on_hopper<Fp8>(smq_context*, const UnitsCall&);
template int32_t prefill_units_on_hopper<W8A16<__half>>(smq_context*, const UnitsCall&);
template int32_t prefill_units_on_hopper<W8A16<__nv_bfloat16>>(smq_context*, const UnitsCall&);
template int32_t prefill_units_on_hopper<W4A8<0>>(smq_context*, const UnitsCall&);
template int32_t prefill_units_on_hopper<W4A8<32>>(smq_context*, const UnitsCall&);
template int32_t prefill_units_on_hopper<W4A8<64>>(smq_context*, const UnitsCall&);
template int32_t prefill_units_on_hopper<W4A8<128>>(smq_context*, const UnitsCall&);

}  // namespace smq

// Eight-bit weights on Hopper.
#include "gemm/few/units_launch.cuh"

namespace smq {

// The table of instantiations.
template int32_t units_on_hopper<W8A8>(smq_context*, const UnitsCall&);
template int32_t units_on_hopper<Fp8>(smq_context*, const UnitsCall&);
template int32_t units_on_hopper<W8A16<__half>>(smq_context*, const UnitsCall&);
template int32_t units_on_hopper<W8A16<__nv_bfloat16>>(smq_context*, const UnitsCall&);

}  // namespace smq

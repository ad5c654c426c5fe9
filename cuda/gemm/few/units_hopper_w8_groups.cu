// Eight-bit weights in groups on Hopper.
#include "gemm/few/units_launch.cuh"
#include "gemm/weights/w8_groups.cuh"

namespace smq {

// The table of instantiations.
template int32_t units_on_hopper<W8A16Groups<__half, 32, false>>(smq_context*, const UnitsCall&);
template int32_t units_on_hopper<W8A16Groups<__half, 32, true>>(smq_context*, const UnitsCall&);
template int32_t units_on_hopper<W8A16Groups<__half, 16, false>>(smq_context*, const UnitsCall&);
template int32_t units_on_hopper<W8A16Groups<__nv_bfloat16, 32, false>>(smq_context*, const UnitsCall&);
template int32_t units_on_hopper<W8A16Groups<__nv_bfloat16, 32, true>>(smq_context*, const UnitsCall&);
template int32_t units_on_hopper<W8A16Groups<__nv_bfloat16, 16, false>>(smq_context*, const UnitsCall&);

}  // namespace smq

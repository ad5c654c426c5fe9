// Four-bit weights for eight-bit activations on Hopper.
#include "gemm/few/units_launch.cuh"

namespace smq {

// The table of instantiations.
template int32_t units_on_hopper<W4A8<0>>(smq_context*, const UnitsCall&);
template int32_t units_on_hopper<W4A8<32>>(smq_context*, const UnitsCall&);
template int32_t units_on_hopper<W4A8<64>>(smq_context*, const UnitsCall&);
template int32_t units_on_hopper<W4A8<128>>(smq_context*, const UnitsCall&);

}  // namespace smq

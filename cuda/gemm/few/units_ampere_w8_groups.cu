// Eight-bit weights in groups by mma.sync.
#include "gemm/few/units_ampere.cuh"
#include "gemm/weights/w8_groups.cuh"

namespace smq {

// The table of instantiations.
template int32_t units_on_ampere<W8A16Groups<__half, 32, false>>(smq_context*, const UnitsCall&);
template int32_t units_on_ampere<W8A16Groups<__half, 32, true>>(smq_context*, const UnitsCall&);
template int32_t units_on_ampere<W8A16Groups<__half, 16, false>>(smq_context*, const UnitsCall&);
template int32_t units_on_ampere<W8A16Groups<__half, 16, true>>(smq_context*, const UnitsCall&);
template int32_t units_on_ampere<W8A16Groups<__nv_bfloat16, 32, false>>(smq_context*, const UnitsCall&);
template int32_t units_on_ampere<W8A16Groups<__nv_bfloat16, 32, true>>(smq_context*, const UnitsCall&);
template int32_t units_on_ampere<W8A16Groups<__nv_bfloat16, 16, false>>(smq_context*, const UnitsCall&);
template int32_t units_on_ampere<W8A16Groups<__nv_bfloat16, 16, true>>(smq_context*, const UnitsCall&);

}  // namespace smq

// Weights in units by mma.sync.
#include "gemm/few/units_ampere.cuh"

namespace smq {

// The table of instantiations.
template int32_t units_on_ampere<W8A8>(smq_context*, const UnitsCall&);
template int32_t units_on_ampere<Fp8>(smq_context*, const UnitsCall&);
template int32_t units_on_ampere<W8A16<__half>>(smq_context*, const UnitsCall&);
template int32_t units_on_ampere<W8A16<__nv_bfloat16>>(smq_context*, const UnitsCall&);
template int32_t units_on_ampere<W4A8<0>>(smq_context*, const UnitsCall&);
template int32_t units_on_ampere<W4A8<32>>(smq_context*, const UnitsCall&);
template int32_t units_on_ampere<W4A8<64>>(smq_context*, const UnitsCall&);
template int32_t units_on_ampere<W4A8<128>>(smq_context*, const UnitsCall&);

}  // namespace smq

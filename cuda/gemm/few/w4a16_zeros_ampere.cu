// Four-bit weights by mma.sync, with zero points.
#include "gemm/few/w4a16_ampere.cuh"

namespace smq {

// The table of instantiations.
template int32_t w4a16_on_ampere<SMQ_ZEROS_POINTS>(smq_context*, const StreamCall&, int, int);

}  // namespace smq

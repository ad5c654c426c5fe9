// Four-bit weights on Hopper, all zero points 8.
#include "gemm/few/w4a16_launch.cuh"

namespace smq {

// The table of instantiations.
template int32_t w4a16_on_hopper<SMQ_ZEROS_NONE>(smq_context*, const StreamCall&, int, int);

}  // namespace smq

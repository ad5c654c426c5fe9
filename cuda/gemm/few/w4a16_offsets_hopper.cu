// Four-bit weights with offsets on Hopper.
#include "gemm/few/w4a16_launch.cuh"

namespace smq {

// The table of instantiations.
template int32_t w4a16_on_hopper<SMQ_ZEROS_OFFSETS>(smq_context*, const StreamCall&, int, int);

}  // namespace smq

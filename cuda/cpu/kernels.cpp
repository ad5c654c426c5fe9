#include "kernels.h"

#ifdef SMQ_HAS_AVX2
#include "kernels_avx2.h"
#endif

namespace smq {

#ifdef SMQ_HAS_AVX2
const Kernels& best_kernels() {
  static const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                           __builtin_cpu_supports("f16c");
  return avx2 ? avx2_kernels() : plain_kernels();
}
#else
const Kernels& best_kernels() { return plain_kernels(); }
#endif

}  // namespace smq

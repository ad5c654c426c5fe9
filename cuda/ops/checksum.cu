// The sum of all words of a range: what a reader of memory can reach.
#include "ops/elements.cuh"

using namespace smq;

namespace {

constexpr int kThreads = 512;
constexpr int kInFlight = 4;  // 16-byte loads of a thread under way: four reach the ceiling, one does not

__device__ unsigned long long words(uint4 v) {
  return (uint64_t(v.y) << 32 | v.x) + (uint64_t(v.w) << 32 | v.z);
}

__global__ void __launch_bounds__(kThreads) checksum_kernel(unsigned long long* out, const uint4* src,
                                                            int64_t count) {
  wait_for_previous();
  unsigned long long sum = 0;
  const int64_t step = int64_t(gridDim.x) * kThreads;
  int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  for (; i + (kInFlight - 1) * step < count; i += kInFlight * step) {
    uint4 loaded[kInFlight];
#pragma unroll
    for (int j = 0; j < kInFlight; ++j) loaded[j] = __ldcs(src + i + j * step);
#pragma unroll
    for (int j = 0; j < kInFlight; ++j) sum += words(loaded[j]);
  }
  for (; i < count; i += step) sum += words(__ldcs(src + i));
  for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(~0u, sum, lanes);
  // Sums of integers are the same in every order.
  if (threadIdx.x % 32 == 0) atomicAdd(out, sum);
}

}  // namespace

int32_t smq::run_checksum(smq_context* ctx, uint64_t out, uint64_t src, int64_t bytes) {
  if (const int32_t status = run_fill(ctx, out, 0, 8)) return status;
  const int64_t count = bytes / 16;
  const int64_t most = int64_t(ctx->sms) * 4;
  const int64_t blocks = (count + kThreads - 1) / kThreads;
  launch(ctx, checksum_kernel, unsigned(blocks < most ? blocks : most), kThreads, 0,
         at<unsigned long long>(out), at<const uint4>(src), count);
  return launched(ctx, "smq_checksum");
}

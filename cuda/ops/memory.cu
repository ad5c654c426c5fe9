// Copies and fills. Small ones are kernels, which start without a gap behind other kernels; large ones
// are left to the driver.
#include "ops/elements.cuh"

using namespace smq;

namespace {

constexpr int64_t kSmall = 256 << 10;
constexpr int kThreads = 256;

template <class Unit>
__global__ void copy_kernel(Unit* dst, const Unit* src, int64_t count) {
  wait_for_previous();
  const int64_t i = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (i < count) dst[i] = src[i];
}

__global__ void fill_kernel(uint8_t* dst, uint32_t byte, int64_t bytes) {
  wait_for_previous();
  const int64_t from = (int64_t(blockIdx.x) * kThreads + threadIdx.x) * 16;
  const int64_t count = bytes - from;
  if (count >= 16 && reinterpret_cast<uint64_t>(dst) % 16 == 0) {
    const uint32_t word = byte * 0x01010101u;
    *reinterpret_cast<uint4*>(dst + from) = make_uint4(word, word, word, word);
    return;
  }
  for (int64_t i = 0; i < 16 && i < count; ++i) dst[from + i] = uint8_t(byte);
}

template <class Unit>
void copy_by(smq_context* ctx, uint64_t dst, uint64_t src, int64_t bytes) {
  const int64_t count = bytes / int64_t(sizeof(Unit));
  launch(ctx, copy_kernel<Unit>, blocks_for(count, kThreads), kThreads, 0, at<Unit>(dst),
         at<const Unit>(src), count);
}

}  // namespace

int32_t smq::run_copy(smq_context* ctx, uint64_t dst, uint64_t src, int64_t bytes) {
  if (bytes > kSmall) {
    if (const int32_t status = enter(ctx)) return status;
    return cuda_status(ctx,
                       cudaMemcpyAsync(at<void>(dst), at<const void>(src), std::size_t(bytes),
                                       cudaMemcpyDefault, ctx->stream),
                       "smq_copy");
  }
  const uint64_t combined = dst | src | uint64_t(bytes);
  if (aligned(combined, 16)) {
    copy_by<uint4>(ctx, dst, src, bytes);
  } else if (aligned(combined, 4)) {
    copy_by<uint32_t>(ctx, dst, src, bytes);
  } else {
    copy_by<uint8_t>(ctx, dst, src, bytes);
  }
  return launched(ctx, "smq_copy");
}

int32_t smq::run_fill(smq_context* ctx, uint64_t dst, int32_t byte, int64_t bytes) {
  if (bytes > kSmall) {
    if (const int32_t status = enter(ctx)) return status;
    return cuda_status(ctx, cudaMemsetAsync(at<void>(dst), byte, std::size_t(bytes), ctx->stream),
                       "smq_fill");
  }
  launch(ctx, fill_kernel, blocks_for(bytes, kThreads * 16), kThreads, 0, at<uint8_t>(dst), byte,
         bytes);
  return launched(ctx, "smq_fill");
}

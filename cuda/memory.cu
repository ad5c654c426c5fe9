// Allocations and transfers.
#include <cstring>

#include "memory.cuh"

namespace smq {

int32_t out_of_memory(int64_t bytes) {
  std::size_t free = 0, total = 0;
  cudaMemGetInfo(&free, &total);
  cudaGetLastError();
  return out_of_memory(bytes, int64_t(free));
}

namespace {

int32_t transfer(smq_context* ctx, const char* op, void* dst, const void* src, int64_t bytes,
                 cudaMemcpyKind kind) {
  const cudaError_t error = cudaMemcpyAsync(dst, src, std::size_t(bytes), kind, ctx->stream);
  if (error != cudaSuccess) return cuda_status(ctx, error, op);
  return cuda_status(ctx, cudaStreamSynchronize(ctx->stream), op);
}

}  // namespace

int32_t run_malloc(smq_context* ctx, int64_t bytes, uint64_t* out) {
  if (bytes > kMostBytes) return out_of_memory(bytes);
  void* memory = nullptr;
  cudaError_t error = cudaMalloc(&memory, std::size_t(bytes));
  if (error == cudaErrorMemoryAllocation) return out_of_memory(bytes);
  if (error == cudaSuccess && ctx->poison) {
    error = cudaMemsetAsync(memory, 0xff, std::size_t(bytes), ctx->stream);
    if (error != cudaSuccess) cudaFree(memory);
  }
  if (error != cudaSuccess) return cuda_status(ctx, error, "smq_malloc");
  *out = reinterpret_cast<uint64_t>(memory);
  return SMQ_OK;
}

int32_t run_free(smq_context* ctx, uint64_t address) {
  return cuda_status(ctx, cudaFree(at<void>(address)), "smq_free");
}

int32_t run_pinned_malloc(smq_context* ctx, int64_t bytes, uint64_t* out) {
  if (bytes > kMostBytes) return out_of_memory(bytes);
  void* memory = nullptr;
  const cudaError_t error = cudaHostAlloc(&memory, std::size_t(bytes), cudaHostAllocPortable);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return fail(SMQ_OUT_OF_MEMORY, "%lld bytes of pinned host memory were requested, and refused",
                (long long)bytes);
  }
  if (error != cudaSuccess) return cuda_status(ctx, error, "smq_pinned_malloc");
  if (ctx->poison) std::memset(memory, 0xff, std::size_t(bytes));
  *out = reinterpret_cast<uint64_t>(memory);
  return SMQ_OK;
}

int32_t run_pinned_free(smq_context* ctx, uint64_t address) {
  // Unlike cudaFree, this does not wait for copies that still use the memory.
  const int32_t status = cuda_status(ctx, cudaStreamSynchronize(ctx->stream), "smq_pinned_free");
  if (status != SMQ_OK) return status;
  return cuda_status(ctx, cudaFreeHost(at<void>(address)), "smq_pinned_free");
}

int32_t run_memory_info(smq_context* ctx, int64_t* out_free, int64_t* out_total) {
  std::size_t free = 0, total = 0;
  const int32_t status = cuda_status(ctx, cudaMemGetInfo(&free, &total), "smq_memory_info");
  if (status != SMQ_OK) return status;
  *out_free = int64_t(free);
  *out_total = int64_t(total);
  return SMQ_OK;
}

int32_t run_upload(smq_context* ctx, uint64_t dst, const void* src, int64_t bytes) {
  return transfer(ctx, "smq_upload", at<void>(dst), src, bytes, cudaMemcpyHostToDevice);
}

int32_t run_download(smq_context* ctx, void* dst, uint64_t src, int64_t bytes) {
  return transfer(ctx, "smq_download", dst, at<const void>(src), bytes, cudaMemcpyDeviceToHost);
}

}  // namespace smq

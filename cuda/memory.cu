// Allocations and transfers.
#include <cstring>

#include "memory.cuh"

namespace smq {

int32_t out_of_memory(int64_t bytes) {
  std::size_t free = 0, total = 0;
  cudaMemGetInfo(&free, &total);
  cudaGetLastError();
  return fail(SMQ_OUT_OF_MEMORY, "%lld bytes were requested, %lld are free", (long long)bytes,
              (long long)free);
}

namespace {

constexpr int64_t kLargest = int64_t(1) << 46;  // as smq_reserve

// What smq_malloc and smq_pinned_malloc check, and the context made ready for them.
int32_t prepare(smq_context* ctx, int64_t bytes, uint64_t* out, const char* op) {
  Check check;
  if (check.pointer("ctx", ctx).pointer("out", out).at_least("bytes", bytes, 1).failed()) {
    return check.status();
  }
  *out = 0;
  if (const int32_t status = enter(ctx)) return status;
  if (const int32_t status = refuse_capture(ctx, op)) return status;
  return bytes > kLargest ? out_of_memory(bytes) : SMQ_OK;
}

int32_t unknown(uint64_t address, const char* origin) {
  return fail(SMQ_INVALID, "address is 0x%llx, expected one from %s that is not yet freed",
              (unsigned long long)address, origin);
}

int32_t transfer(smq_context* ctx, const char* op, void* dst, const char* dst_name, const void* src,
                 const char* src_name, int64_t bytes, cudaMemcpyKind kind) {
  Check check;
  check.pointer("ctx", ctx).at_least("bytes", bytes, 0);
  if (bytes > 0) check.pointer(dst_name, dst).pointer(src_name, src);
  if (check.failed()) return check.status();
  if (const int32_t status = enter(ctx)) return status;
  if (const int32_t status = refuse_capture(ctx, op)) return status;
  if (bytes == 0) return SMQ_OK;
  const cudaError_t error = cudaMemcpyAsync(dst, src, std::size_t(bytes), kind, ctx->stream);
  if (error != cudaSuccess) return cuda_status(ctx, error, op);
  return cuda_status(ctx, cudaStreamSynchronize(ctx->stream), op);
}

}  // namespace
}  // namespace smq

using namespace smq;

int32_t smq_malloc(smq_context* ctx, int64_t bytes, uint64_t* out) {
  if (const int32_t status = prepare(ctx, bytes, out, "smq_malloc")) return status;
  void* memory = nullptr;
  const cudaError_t error = cudaMalloc(&memory, std::size_t(bytes));
  if (error == cudaErrorMemoryAllocation) return out_of_memory(bytes);
  if (error != cudaSuccess) return cuda_status(ctx, error, "smq_malloc");
  const auto address = reinterpret_cast<uint64_t>(memory);
  int32_t status = guarded([&] {
    ctx->allocations.emplace(address, bytes);
    return SMQ_OK;
  });
  if (status == SMQ_OK && ctx->poison) {
    status = cuda_status(ctx, cudaMemsetAsync(memory, 0xff, std::size_t(bytes), ctx->stream),
                         "smq_malloc");
  }
  if (status != SMQ_OK) {
    ctx->allocations.erase(address);
    cudaFree(memory);
    return status;
  }
  ctx->used += bytes;
  *out = address;
  return SMQ_OK;
}

int32_t smq_free(smq_context* ctx, uint64_t address) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  if (const int32_t status = enter(ctx)) return status;
  if (const int32_t status = refuse_capture(ctx, "smq_free")) return status;
  const auto found = ctx->allocations.find(address);
  if (found == ctx->allocations.end()) return unknown(address, "smq_malloc");
  ctx->used -= found->second;
  ctx->allocations.erase(found);
  return cuda_status(ctx, cudaFree(at<void>(address)), "smq_free");
}

int32_t smq_pinned_malloc(smq_context* ctx, int64_t bytes, uint64_t* out) {
  if (const int32_t status = prepare(ctx, bytes, out, "smq_pinned_malloc")) return status;
  void* memory = nullptr;
  const cudaError_t error = cudaHostAlloc(&memory, std::size_t(bytes), cudaHostAllocPortable);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return fail(SMQ_OUT_OF_MEMORY, "%lld bytes of pinned host memory were requested, and refused",
                (long long)bytes);
  }
  if (error != cudaSuccess) return cuda_status(ctx, error, "smq_pinned_malloc");
  const auto address = reinterpret_cast<uint64_t>(memory);
  const int32_t status = guarded([&] {
    ctx->pinned.emplace(address, bytes);
    return SMQ_OK;
  });
  if (status != SMQ_OK) {
    cudaFreeHost(memory);
    return status;
  }
  if (ctx->poison) std::memset(memory, 0xff, std::size_t(bytes));
  *out = address;
  return SMQ_OK;
}

int32_t smq_pinned_free(smq_context* ctx, uint64_t address) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  if (const int32_t status = enter(ctx)) return status;
  if (const int32_t status = refuse_capture(ctx, "smq_pinned_free")) return status;
  const auto found = ctx->pinned.find(address);
  if (found == ctx->pinned.end()) return unknown(address, "smq_pinned_malloc");
  // Unlike cudaFree, this does not wait for copies that still use the memory.
  const int32_t status = cuda_status(ctx, cudaStreamSynchronize(ctx->stream), "smq_pinned_free");
  if (status != SMQ_OK) return status;
  ctx->pinned.erase(found);
  return cuda_status(ctx, cudaFreeHost(at<void>(address)), "smq_pinned_free");
}

int32_t smq_memory_info(smq_context* ctx, int64_t* out_used, int64_t* out_free, int64_t* out_total) {
  Check check;
  check.pointer("ctx", ctx).pointer("out_used", out_used);
  if (check.pointer("out_free", out_free).pointer("out_total", out_total).failed()) {
    return check.status();
  }
  if (const int32_t status = enter(ctx)) return status;
  std::size_t free = 0, total = 0;
  const int32_t status = cuda_status(ctx, cudaMemGetInfo(&free, &total), "smq_memory_info");
  if (status != SMQ_OK) return status;
  *out_used = ctx->used;
  *out_free = int64_t(free);
  *out_total = int64_t(total);
  return SMQ_OK;
}

int32_t smq_upload(smq_context* ctx, uint64_t dst, const void* src, int64_t bytes) {
  return transfer(ctx, "smq_upload", at<void>(dst), "dst", src, "src", bytes,
                  cudaMemcpyHostToDevice);
}

int32_t smq_download(smq_context* ctx, void* dst, uint64_t src, int64_t bytes) {
  return transfer(ctx, "smq_download", dst, "dst", at<const void>(src), "src", bytes,
                  cudaMemcpyDeviceToHost);
}

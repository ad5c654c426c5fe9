// Memory that grows in place: a range of addresses, backed from its start by chunks of device memory,
// through the driver's virtual memory calls. These are looked up when first used, so that the library
// links nothing of the driver.
#include <cuda.h>

#include "memory.cuh"

namespace smq {
namespace {

struct Driver {
  decltype(&cuMemGetAllocationGranularity) granularity = nullptr;
  decltype(&cuMemAddressReserve) reserve = nullptr;
  decltype(&cuMemAddressFree) free = nullptr;
  decltype(&cuMemCreate) create = nullptr;
  decltype(&cuMemRelease) release = nullptr;
  decltype(&cuMemMap) map = nullptr;
  decltype(&cuMemUnmap) unmap = nullptr;
  decltype(&cuMemSetAccess) access = nullptr;
  const char* missing = nullptr;  // the first symbol that the driver lacks

  template <class Function>
  void find(const char* symbol, Function& function) {
    constexpr unsigned kVersion = 10020;  // CUDA 10.2 brought these calls
    void* entry = nullptr;
    cudaDriverEntryPointQueryResult result{};
    const cudaError_t error =
        cudaGetDriverEntryPointByVersion(symbol, &entry, kVersion, cudaEnableDefault, &result);
    if (error != cudaSuccess || result != cudaDriverEntryPointSuccess) {
      cudaGetLastError();
      if (!missing) missing = symbol;
      return;
    }
    function = reinterpret_cast<Function>(entry);
  }

  Driver() {
    find("cuMemGetAllocationGranularity", granularity);
    find("cuMemAddressReserve", reserve);
    find("cuMemAddressFree", free);
    find("cuMemCreate", create);
    find("cuMemRelease", release);
    find("cuMemMap", map);
    find("cuMemUnmap", unmap);
    find("cuMemSetAccess", access);
  }
};

const Driver& driver() {
  static const Driver found;
  return found;
}

CUmemAllocationProp properties(const smq_context* ctx) {
  CUmemAllocationProp result{};
  result.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  result.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  result.location.id = ctx->device;
  return result;
}

// Results of the driver and errors of the runtime share their numbers.
int32_t status_of(smq_context* ctx, CUresult result, const char* what) {
  return cuda_status(ctx, cudaError_t(result), what);
}

// Gives the size of a chunk's unit.
int32_t unit(smq_context* ctx, int64_t* out) {
  if (driver().missing) {
    return fail(SMQ_NO_DEVICE, "the driver lacks %s, expected one that has it", driver().missing);
  }
  const auto wanted = properties(ctx);
  std::size_t bytes = 0;
  const CUresult result =
      driver().granularity(&bytes, &wanted, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED);
  *out = int64_t(bytes);
  return status_of(ctx, result, "asking for the granularity of memory");
}

int64_t round_up(int64_t bytes, int64_t to) { return (bytes + to - 1) / to * to; }

// Backs [start, start + bytes) with new memory, or leaves all as it was.
int32_t back(smq_context* ctx, uint64_t start, int64_t bytes) {
  const auto wanted = properties(ctx);
  CUmemGenericAllocationHandle chunk = 0;
  CUresult result = driver().create(&chunk, std::size_t(bytes), &wanted, 0);
  if (result == CUDA_ERROR_OUT_OF_MEMORY) return out_of_memory(bytes);
  if (result != CUDA_SUCCESS) return status_of(ctx, result, "smq_grow");
  result = driver().map(start, std::size_t(bytes), 0, chunk, 0);
  // The mapping keeps the memory; without one it goes back here.
  driver().release(chunk);
  if (result != CUDA_SUCCESS) return status_of(ctx, result, "smq_grow");
  CUmemAccessDesc access{};
  access.location = wanted.location;
  access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  result = driver().access(start, std::size_t(bytes), &access, 1);
  cudaError_t error = cudaError_t(result);
  if (error == cudaSuccess) {
    error = cudaMemsetAsync(at<void>(start), 0, std::size_t(bytes), ctx->stream);
  }
  if (error == cudaSuccess) return SMQ_OK;
  driver().unmap(start, std::size_t(bytes));
  return error == cudaErrorMemoryAllocation ? out_of_memory(bytes)
                                            : cuda_status(ctx, error, "smq_grow");
}

}  // namespace

void unmap(uint64_t address, const Range& range) {
  uint64_t start = address;
  for (const int64_t bytes : range.chunks) {
    driver().unmap(start, std::size_t(bytes));
    start += uint64_t(bytes);
  }
  driver().free(address, std::size_t(range.reserved));
}

int32_t run_reserve(smq_context* ctx, int64_t bytes, uint64_t* out, Range* range) {
  int64_t step = 0;
  if (const int32_t status = unit(ctx, &step)) return status;
  range->reserved = round_up(bytes, step);
  CUdeviceptr start = 0;
  const CUresult result = driver().reserve(&start, std::size_t(range->reserved), 0, 0, 0);
  if (result == CUDA_ERROR_OUT_OF_MEMORY || result == CUDA_ERROR_INVALID_VALUE) {
    return no_addresses(bytes);
  }
  if (result != CUDA_SUCCESS) return status_of(ctx, result, "smq_reserve");
  *out = start;
  return SMQ_OK;
}

int32_t run_grow(smq_context* ctx, uint64_t address, Range& range, int64_t bytes) {
  int64_t step = 0;
  if (const int32_t status = unit(ctx, &step)) return status;
  const int64_t more = round_up(bytes, step) - range.backed;
  if (more <= 0) return SMQ_OK;
  range.chunks.reserve(range.chunks.size() + 1);
  if (const int32_t status = back(ctx, address + uint64_t(range.backed), more)) return status;
  range.chunks.push_back(more);
  range.backed += more;
  return SMQ_OK;
}

int32_t run_release(smq_context* ctx, uint64_t address, const Range& range) {
  // Unlike cudaFree, unmapping does not wait for kernels that still use the memory.
  const int32_t status = cuda_status(ctx, cudaStreamSynchronize(ctx->stream), "smq_release");
  if (status == SMQ_OK) unmap(address, range);
  return status;
}

}  // namespace smq

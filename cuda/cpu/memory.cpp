// Allocations, ranges that grow in place, and transfers. A device address is a host address here.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

#include "context.h"

namespace smq {
namespace {

constexpr int64_t kHuge = 2 << 20;  // what a large page maps

int64_t total_memory() { return int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE); }

// What can be allocated without swapping: free pages and those that the kernel can take back.
int64_t available_memory() {
  long long kib = -1;
  if (std::FILE* file = std::fopen("/proc/meminfo", "r")) {
    char line[128];
    while (kib < 0 && std::fgets(line, sizeof line, file)) {
      if (std::sscanf(line, "MemAvailable: %lld kB", &kib) != 1) kib = -1;
    }
    std::fclose(file);
  }
  if (kib >= 0) return int64_t(kib) * 1024;
  return int64_t(sysconf(_SC_AVPHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

int32_t out_of_memory(int64_t bytes) { return smq::out_of_memory(bytes, available_memory()); }

int32_t allocate(smq_context* ctx, int64_t bytes, uint64_t* out) {
  // A small request needs no look at the machine: it fails by itself where there is nothing left.
  if (bytes > kHuge && bytes > available_memory()) return out_of_memory(bytes);
  const bool large = bytes >= 2 * kHuge;
  void* memory = nullptr;
  if (posix_memalign(&memory, large ? kHuge : 256, std::size_t(bytes)) != 0) {
    return out_of_memory(bytes);
  }
  // Advice only: without large pages the memory is as good, and slower.
  if (large) madvise(memory, std::size_t(bytes), MADV_HUGEPAGE);
  if (ctx->poison) std::memset(memory, 0xff, std::size_t(bytes));
  *out = reinterpret_cast<uint64_t>(memory);
  return SMQ_OK;
}

int32_t deallocate(uint64_t address) {
  std::free(at<void>(address));
  return SMQ_OK;
}

int64_t round_to_pages(int64_t bytes) {
  const int64_t page = sysconf(_SC_PAGESIZE);
  return (bytes + page - 1) / page * page;
}

}  // namespace

int32_t run_malloc(smq_context* ctx, int64_t bytes, uint64_t* out) {
  return allocate(ctx, bytes, out);
}

int32_t run_free(smq_context*, uint64_t address) { return deallocate(address); }

int32_t run_pinned_malloc(smq_context* ctx, int64_t bytes, uint64_t* out) {
  return allocate(ctx, bytes, out);
}

int32_t run_pinned_free(smq_context*, uint64_t address) { return deallocate(address); }

int32_t run_reserve(smq_context*, int64_t bytes, uint64_t* out, Range* range) {
  range->reserved = round_to_pages(bytes);
  void* start = mmap(nullptr, std::size_t(range->reserved), PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return no_addresses(bytes);
  *out = reinterpret_cast<uint64_t>(start);
  return SMQ_OK;
}

int32_t run_grow(smq_context*, uint64_t address, Range& range, int64_t bytes) {
  const int64_t more = round_to_pages(bytes) - range.backed;
  if (more <= 0) return SMQ_OK;
  if (more > kHuge && more > available_memory()) return out_of_memory(more);
  // Pages of an anonymous mapping are zero when first touched.
  if (mprotect(at<uint8_t>(address) + range.backed, std::size_t(more), PROT_READ | PROT_WRITE) != 0) {
    return out_of_memory(more);
  }
  range.backed += more;
  return SMQ_OK;
}

int32_t run_release(smq_context*, uint64_t address, const Range& range) {
  munmap(at<void>(address), std::size_t(range.reserved));
  return SMQ_OK;
}

int32_t run_memory_info(smq_context*, int64_t* out_free, int64_t* out_total) {
  *out_free = available_memory();
  *out_total = total_memory();
  return SMQ_OK;
}

int32_t run_upload(smq_context*, uint64_t dst, const void* src, int64_t bytes) {
  std::memcpy(at<void>(dst), src, std::size_t(bytes));
  return SMQ_OK;
}

int32_t run_download(smq_context*, void* dst, uint64_t src, int64_t bytes) {
  std::memcpy(dst, at<const void>(src), std::size_t(bytes));
  return SMQ_OK;
}

}  // namespace smq

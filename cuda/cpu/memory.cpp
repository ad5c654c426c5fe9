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

int32_t out_of_memory(int64_t bytes) {
  return fail(SMQ_OUT_OF_MEMORY, "%lld bytes were requested, %lld are free", (long long)bytes,
              (long long)available_memory());
}

int32_t allocate(smq_context* ctx, int64_t bytes, uint64_t* out, std::map<uint64_t, int64_t>& table,
                 const char* op) {
  Check check;
  if (check.pointer("ctx", ctx).pointer("out", out).at_least("bytes", bytes, 1).failed()) {
    return check.status();
  }
  *out = 0;
  if (refuse_capture(ctx, op) != SMQ_OK) return SMQ_STATE;
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
  const int32_t status = guarded([&] {
    table.emplace(reinterpret_cast<uint64_t>(memory), bytes);
    return SMQ_OK;
  });
  if (status != SMQ_OK) {
    std::free(memory);
    return status;
  }
  *out = reinterpret_cast<uint64_t>(memory);
  return SMQ_OK;
}

// Takes an address out of a table; returns its bytes, or -1 with an error kept.
int64_t forget(uint64_t address, std::map<uint64_t, int64_t>& table, const char* origin) {
  const auto found = table.find(address);
  if (found == table.end()) {
    fail(SMQ_INVALID, "address is 0x%llx, expected one from %s that is not yet freed",
         (unsigned long long)address, origin);
    return -1;
  }
  const int64_t bytes = found->second;
  table.erase(found);
  std::free(at<void>(address));
  return bytes;
}

int64_t round_to_pages(int64_t bytes) {
  const int64_t page = sysconf(_SC_PAGESIZE);
  return (bytes + page - 1) / page * page;
}

int32_t transfer(smq_context* ctx, const char* op, void* dst, const char* dst_name, const void* src,
                 const char* src_name, int64_t bytes) {
  Check check;
  check.pointer("ctx", ctx).at_least("bytes", bytes, 0);
  if (bytes > 0) check.pointer(dst_name, dst).pointer(src_name, src);
  if (check.failed()) return check.status();
  if (refuse_capture(ctx, op) != SMQ_OK) return SMQ_STATE;
  if (bytes > 0) std::memcpy(dst, src, std::size_t(bytes));
  return SMQ_OK;
}

}  // namespace
}  // namespace smq

using namespace smq;

int32_t smq_malloc(smq_context* ctx, int64_t bytes, uint64_t* out) {
  static std::map<uint64_t, int64_t> none;
  const int32_t status = allocate(ctx, bytes, out, ctx ? ctx->allocations : none, "smq_malloc");
  if (status == SMQ_OK) ctx->used += bytes;
  return status;
}

int32_t smq_free(smq_context* ctx, uint64_t address) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  if (refuse_capture(ctx, "smq_free") != SMQ_OK) return SMQ_STATE;
  const int64_t bytes = forget(address, ctx->allocations, "smq_malloc");
  if (bytes < 0) return SMQ_INVALID;
  ctx->used -= bytes;
  return SMQ_OK;
}

int32_t smq_pinned_malloc(smq_context* ctx, int64_t bytes, uint64_t* out) {
  static std::map<uint64_t, int64_t> none;
  return allocate(ctx, bytes, out, ctx ? ctx->pinned : none, "smq_pinned_malloc");
}

int32_t smq_pinned_free(smq_context* ctx, uint64_t address) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  if (refuse_capture(ctx, "smq_pinned_free") != SMQ_OK) return SMQ_STATE;
  return forget(address, ctx->pinned, "smq_pinned_malloc") < 0 ? SMQ_INVALID : SMQ_OK;
}

int32_t smq_reserve(smq_context* ctx, int64_t bytes, uint64_t* out) {
  Check check;
  check.pointer("ctx", ctx).pointer("out", out).between("bytes", bytes, 1, int64_t(1) << 46);
  if (check.failed()) return check.status();
  *out = 0;
  if (refuse_capture(ctx, "smq_reserve") != SMQ_OK) return SMQ_STATE;
  const int64_t rounded = round_to_pages(bytes);
  void* start = mmap(nullptr, std::size_t(rounded), PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) {
    return fail(SMQ_OUT_OF_MEMORY, "%lld bytes of address space were requested, and refused",
                (long long)bytes);
  }
  const int32_t status = guarded([&] {
    ctx->ranges.emplace(reinterpret_cast<uint64_t>(start), Range{rounded, 0});
    return SMQ_OK;
  });
  if (status != SMQ_OK) {
    munmap(start, std::size_t(rounded));
    return status;
  }
  *out = reinterpret_cast<uint64_t>(start);
  return SMQ_OK;
}

int32_t smq_grow(smq_context* ctx, uint64_t address, int64_t bytes) {
  Check check;
  if (check.pointer("ctx", ctx).at_least("bytes", bytes, 0).failed()) return check.status();
  if (refuse_capture(ctx, "smq_grow") != SMQ_OK) return SMQ_STATE;
  const auto found = ctx->ranges.find(address);
  if (found == ctx->ranges.end()) {
    return fail(SMQ_INVALID, "address is 0x%llx, expected one from smq_reserve",
                (unsigned long long)address);
  }
  Range& range = found->second;
  if (bytes > range.reserved) {
    return fail(SMQ_INVALID, "bytes is %lld, expected at most the %lld that are reserved",
                (long long)bytes, (long long)range.reserved);
  }
  const int64_t backed = round_to_pages(bytes);
  if (backed <= range.backed) return SMQ_OK;
  const int64_t more = backed - range.backed;
  if (more > kHuge && more > available_memory()) return out_of_memory(more);
  // Pages of an anonymous mapping are zero when first touched.
  if (mprotect(at<uint8_t>(address) + range.backed, std::size_t(more), PROT_READ | PROT_WRITE) != 0) {
    return out_of_memory(more);
  }
  range.backed = backed;
  ctx->used += more;
  return SMQ_OK;
}

int32_t smq_release(smq_context* ctx, uint64_t address) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  if (refuse_capture(ctx, "smq_release") != SMQ_OK) return SMQ_STATE;
  const auto found = ctx->ranges.find(address);
  if (found == ctx->ranges.end()) {
    return fail(SMQ_INVALID, "address is 0x%llx, expected one from smq_reserve",
                (unsigned long long)address);
  }
  munmap(at<void>(address), std::size_t(found->second.reserved));
  ctx->used -= found->second.backed;
  ctx->ranges.erase(found);
  return SMQ_OK;
}

int32_t smq_memory_info(smq_context* ctx, int64_t* out_used, int64_t* out_free, int64_t* out_total) {
  Check check;
  check.pointer("ctx", ctx).pointer("out_used", out_used);
  if (check.pointer("out_free", out_free).pointer("out_total", out_total).failed()) {
    return check.status();
  }
  *out_used = ctx->used;
  *out_free = available_memory();
  *out_total = total_memory();
  return SMQ_OK;
}

int32_t smq_upload(smq_context* ctx, uint64_t dst, const void* src, int64_t bytes) {
  return transfer(ctx, "smq_upload", at<void>(dst), "dst", src, "src", bytes);
}

int32_t smq_download(smq_context* ctx, void* dst, uint64_t src, int64_t bytes) {
  return transfer(ctx, "smq_download", dst, "dst", at<const void>(src), "src", bytes);
}

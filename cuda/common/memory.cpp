// Allocations, ranges that grow in place, and transfers.
#include "common/address.h"
#include "common/context.h"
#include "common/error.h"

using namespace smq;

int32_t smq::out_of_memory(int64_t bytes, int64_t free) {
  return fail(SMQ_OUT_OF_MEMORY, "%lld bytes were requested, %lld are free", (long long)bytes,
              (long long)free);
}

int32_t smq::no_addresses(int64_t bytes) {
  return fail(SMQ_OUT_OF_MEMORY, "%lld bytes of address space were requested, and refused",
              (long long)bytes);
}

namespace {

int32_t allocate(smq_context* ctx, int64_t bytes, uint64_t* out, const char* op,
                 Allocations ContextBase::*table, decltype(run_malloc)* acquire,
                 decltype(run_free)* give_back) {
  Check check;
  check.pointer("ctx", ctx).pointer("out", out).at_least("bytes", bytes, 1);
  if (check.failed()) return check.status();
  *out = 0;
  if (const int32_t status = enter_uncaptured(ctx, op)) return status;
  uint64_t address = 0;
  if (const int32_t status = acquire(ctx, bytes, &address)) return status;
  const int32_t status = guarded([&] {
    (base(ctx).*table).emplace(address, bytes);
    return SMQ_OK;
  });
  if (status != SMQ_OK) {
    give_back(ctx, address);
    return status;
  }
  *out = address;
  return SMQ_OK;
}

// `bytes` becomes what the address held.
int32_t deallocate(smq_context* ctx, uint64_t address, const char* op, const char* origin,
                   Allocations ContextBase::*table, decltype(run_free)* give_back, int64_t* bytes) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  if (const int32_t status = enter_uncaptured(ctx, op)) return status;
  Allocations& held = base(ctx).*table;
  const auto found = held.find(address);
  if (found == held.end()) {
    return fail(SMQ_INVALID, "address is 0x%llx, expected one from %s that is not yet freed",
                (unsigned long long)address, origin);
  }
  if (const int32_t status = give_back(ctx, address)) return status;
  *bytes = found->second;
  held.erase(found);
  return SMQ_OK;
}

int32_t find_range(smq_context* ctx, uint64_t address, const char* op,
                   std::map<uint64_t, Range>::iterator* out) {
  if (const int32_t status = enter_uncaptured(ctx, op)) return status;
  *out = base(ctx).ranges.find(address);
  if (*out != base(ctx).ranges.end()) return SMQ_OK;
  return fail(SMQ_INVALID, "address is 0x%llx, expected one from smq_reserve",
              (unsigned long long)address);
}

int32_t check_transfer(smq_context* ctx, const char* op, const void* dst, const void* src,
                       int64_t bytes) {
  Check check;
  check.pointer("ctx", ctx).at_least("bytes", bytes, 0);
  if (bytes > 0) check.pointer("dst", dst).pointer("src", src);
  return check.failed() ? check.status() : enter_uncaptured(ctx, op);
}

}  // namespace

int32_t smq_malloc(smq_context* ctx, int64_t bytes, uint64_t* out) {
  const int32_t status = allocate(ctx, bytes, out, "smq_malloc", &ContextBase::allocations,
                                  run_malloc, run_free);
  if (status == SMQ_OK) base(ctx).used += bytes;
  return status;
}

int32_t smq_free(smq_context* ctx, uint64_t address) {
  int64_t bytes = 0;
  const int32_t status = deallocate(ctx, address, "smq_free", "smq_malloc",
                                    &ContextBase::allocations, run_free, &bytes);
  if (status == SMQ_OK) base(ctx).used -= bytes;
  return status;
}

int32_t smq_pinned_malloc(smq_context* ctx, int64_t bytes, uint64_t* out) {
  return allocate(ctx, bytes, out, "smq_pinned_malloc", &ContextBase::pinned, run_pinned_malloc,
                  run_pinned_free);
}

int32_t smq_pinned_free(smq_context* ctx, uint64_t address) {
  int64_t bytes = 0;
  return deallocate(ctx, address, "smq_pinned_free", "smq_pinned_malloc", &ContextBase::pinned,
                    run_pinned_free, &bytes);
}

int32_t smq_reserve(smq_context* ctx, int64_t bytes, uint64_t* out) {
  Check check;
  check.pointer("ctx", ctx).pointer("out", out).between("bytes", bytes, 1, kMostBytes);
  if (check.failed()) return check.status();
  *out = 0;
  if (const int32_t status = enter_uncaptured(ctx, "smq_reserve")) return status;
  uint64_t start = 0;
  Range range{};
  if (const int32_t status = run_reserve(ctx, bytes, &start, &range)) return status;
  const int32_t status = guarded([&] {
    base(ctx).ranges.emplace(start, range);
    return SMQ_OK;
  });
  if (status != SMQ_OK) {
    run_release(ctx, start, range);
    return status;
  }
  *out = start;
  return SMQ_OK;
}

int32_t smq_grow(smq_context* ctx, uint64_t address, int64_t bytes) {
  Check check;
  if (check.pointer("ctx", ctx).at_least("bytes", bytes, 0).failed()) return check.status();
  std::map<uint64_t, Range>::iterator found;
  if (const int32_t status = find_range(ctx, address, "smq_grow", &found)) return status;
  Range& range = found->second;
  if (bytes > range.reserved) {
    return fail(SMQ_INVALID, "bytes is %lld, expected at most the %lld that are reserved",
                (long long)bytes, (long long)range.reserved);
  }
  const int64_t before = range.backed;
  const int32_t status = guarded([&] { return run_grow(ctx, address, range, bytes); });
  base(ctx).used += range.backed - before;
  return status;
}

int32_t smq_release(smq_context* ctx, uint64_t address) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  std::map<uint64_t, Range>::iterator found;
  if (const int32_t status = find_range(ctx, address, "smq_release", &found)) return status;
  if (const int32_t status = run_release(ctx, address, found->second)) return status;
  base(ctx).used -= found->second.backed;
  base(ctx).ranges.erase(found);
  return SMQ_OK;
}

int32_t smq_memory_info(smq_context* ctx, int64_t* out_used, int64_t* out_free, int64_t* out_total) {
  Check check;
  check.pointer("ctx", ctx).pointer("out_used", out_used).pointer("out_free", out_free);
  if (check.pointer("out_total", out_total).failed()) return check.status();
  if (const int32_t status = enter(ctx)) return status;
  *out_used = base(ctx).used;
  return run_memory_info(ctx, out_free, out_total);
}

int32_t smq_upload(smq_context* ctx, uint64_t dst, const void* src, int64_t bytes) {
  const int32_t status = check_transfer(ctx, "smq_upload", at<void>(dst), src, bytes);
  return status != SMQ_OK || bytes == 0 ? status : run_upload(ctx, dst, src, bytes);
}

int32_t smq_download(smq_context* ctx, void* dst, uint64_t src, int64_t bytes) {
  const int32_t status = check_transfer(ctx, "smq_download", dst, at<void>(src), bytes);
  return status != SMQ_OK || bytes == 0 ? status : run_download(ctx, dst, src, bytes);
}

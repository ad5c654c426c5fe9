// The library and its contexts.
#include "common/context.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>

#include "common/error.h"
#include "common/reader.h"

namespace smq {
namespace {

// What may stand between the quotes of JSON.
std::string plain_text(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    if (c >= ' ' && c < 127 && c != '"' && c != '\\') plain += c;
  }
  return plain;
}

// Keeps this library in memory to the end of the process. Who opened it closes it when a JavaScript thread ends, also one
// that is ended in the midst of its work: the threads of its contexts would then run code that is not there any more.
int32_t keep_loaded() {
  Dl_info about{};
  const auto* own = reinterpret_cast<const void*>(&smq_context_create);
  if (dladdr(own, &about) != 0 && dlopen(about.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE)) {
    return SMQ_OK;
  }
  const char* why = dlerror();
  return fail(SMQ_STATE, "the library cannot be kept in memory: %s", why ? why : "it is not found");
}

}  // namespace

bool environment_is(const char* variable, const char* value) {
  const char* text = std::getenv(variable);
  return text && std::strcmp(text, value) == 0;
}

int32_t enter_uncaptured(smq_context* ctx, const char* op) {
  if (const int32_t status = enter(ctx)) return status;
  if (!base(ctx).capturing) return SMQ_OK;
  return fail(SMQ_STATE, "%s cannot be captured, and a capture is under way", op);
}

}  // namespace smq

using namespace smq;

int32_t smq_abi_hash(uint64_t* out) {
  Check check;
  if (check.pointer("out", out).failed()) return check.status();
  *out = SMQ_ABI_HASH;
  return SMQ_OK;
}

int32_t smq_describe(int32_t device, uint8_t* out, int32_t capacity) {
  Check check;
  if (check.pointer("out", out).at_least("capacity", capacity, 1).failed()) return check.status();
  return guarded([&] {
    Description about{};
    if (const int32_t status = run_describe(device, &about)) return status;
    const std::string text = std::string("{\"backend\":\"") + about.backend + "\",\"name\":\"" +
                             plain_text(about.name) + "\",\"memory\":" +
                             std::to_string(about.memory) + ",\"detail\":\"" +
                             plain_text(about.detail) + "\"}";
    if (text.size() >= std::size_t(capacity)) {
      return fail(SMQ_INVALID, "capacity is %d, expected %zu or more", capacity, text.size() + 1);
    }
    std::memcpy(out, text.c_str(), text.size() + 1);
    return SMQ_OK;
  });
}

int32_t smq_context_create(int32_t device, int32_t threads, smq_context** out) {
  Check check;
  check.pointer("out", out).at_least("threads", threads, 0).limit("threads", threads, kMostThreads);
  if (check.failed()) return check.status();
  *out = nullptr;
  if (const int32_t status = keep_loaded()) return status;
  return guarded([&] { return run_context_create(device, threads, out); });
}

int32_t smq_context_destroy(smq_context* ctx) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  // Before the memory that they write to.
  for (auto* reader : base(ctx).readers) delete reader;
  return run_context_destroy(ctx);
}

int32_t smq_synchronize(smq_context* ctx) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  if (const int32_t status = enter_uncaptured(ctx, "smq_synchronize")) return status;
  return run_synchronize(ctx);
}

// The library and its contexts.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include <sys/mman.h>
#include <unistd.h>

#include "context.h"

namespace smq {
namespace {

constexpr int kMostThreads = 256;

int hardware_threads() {
  return std::clamp(int(std::thread::hardware_concurrency()), 1, kMostThreads);
}

bool set_to(const char* variable, const char* value) {
  const char* text = std::getenv(variable);
  return text && std::strcmp(text, value) == 0;
}

// The processor's brand, as JSON text without its quotes.
std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.compare(0, 10, "model name") != 0) continue;
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::string name;
    for (const char c : line.substr(colon + 1)) {
      if (c >= ' ' && c < 127 && c != '"' && c != '\\' && !(name.empty() && c == ' ')) name += c;
    }
    if (!name.empty()) return name;
  }
  return "unknown processor";
}

const Kernels& choose_kernels() {
  return set_to("SMQ_SIMD", "plain") ? plain_kernels() : best_kernels();
}

}  // namespace

void Scratch::Free::operator()(uint8_t* memory) const { std::free(memory); }

void Scratch::ensure(int64_t bytes) {
  if (bytes <= bytes_) return;
  void* memory = nullptr;
  if (posix_memalign(&memory, 64, std::size_t(bytes)) != 0) throw std::bad_alloc();
  data_.reset(static_cast<uint8_t*>(memory));
  bytes_ = bytes;
}

}  // namespace smq

smq_context::smq_context(int threads)
    : pool(threads), kernels(smq::choose_kernels()), poison(smq::set_to("SMQ_POISON", "1")) {}

smq_context::~smq_context() {
  for (auto* event : events) delete event;
  for (auto* graph : graphs) delete graph;
  for (const auto& [address, bytes] : allocations) std::free(smq::at<void>(address));
  for (const auto& [address, bytes] : pinned) std::free(smq::at<void>(address));
  for (const auto& [address, range] : ranges) {
    munmap(smq::at<void>(address), std::size_t(range.reserved));
  }
}

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
  if (device != 0) return fail(SMQ_NO_DEVICE, "device is %d, expected 0: the CPU is one device", device);
  return guarded([&] {
    const long long memory = (long long)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    const std::string text = "{\"backend\":\"cpu\",\"name\":\"" + processor_name() +
                             "\",\"memory\":" + std::to_string(memory) + ",\"detail\":\"" +
                             choose_kernels().name + ", " + std::to_string(hardware_threads()) +
                             " threads available\"}";
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
  if (device != 0) return fail(SMQ_NO_DEVICE, "device is %d, expected 0: the CPU is one device", device);
  return guarded([&] {
    *out = new smq_context(threads > 0 ? threads : hardware_threads());
    return SMQ_OK;
  });
}

int32_t smq_context_destroy(smq_context* ctx) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  delete ctx;
  return SMQ_OK;
}

int32_t smq_synchronize(smq_context* ctx) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  return refuse_capture(ctx, "smq_synchronize");
}

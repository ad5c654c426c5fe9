// The library and its contexts.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include <sys/mman.h>
#include <unistd.h>

#include "context.h"

namespace smq {
namespace {

int hardware_threads() {
  return std::clamp(int(std::thread::hardware_concurrency()), 1, kMostThreads);
}

// The processor's brand.
std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.compare(0, 10, "model name") != 0) continue;
    const auto start = line.find_first_not_of(" \t:", 10);
    if (start != std::string::npos) return line.substr(start);
  }
  return "unknown processor";
}

const Kernels& choose_kernels() {
  return environment_is("SMQ_SIMD", "plain") ? plain_kernels() : best_kernels();
}

int32_t check_device(int32_t device) {
  if (device == 0) return SMQ_OK;
  return fail(SMQ_NO_DEVICE, "device is %d, expected 0: the CPU is one device", device);
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

ContextBase& base(smq_context* ctx) { return *ctx; }

int32_t enter(smq_context*) { return SMQ_OK; }

int32_t run_describe(int32_t device, Description* out) {
  if (const int32_t status = check_device(device)) return status;
  out->backend = "cpu";
  out->name = processor_name();
  out->memory = uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE));
  out->detail = std::string(choose_kernels().name) + ", " + std::to_string(hardware_threads()) +
                " threads available";
  return SMQ_OK;
}

int32_t run_context_create(int32_t device, int32_t threads, smq_context** out) {
  if (const int32_t status = check_device(device)) return status;
  *out = new smq_context(threads > 0 ? threads : hardware_threads());
  return SMQ_OK;
}

int32_t run_context_destroy(smq_context* ctx) {
  delete ctx;
  return SMQ_OK;
}

// Calls have run when they return.
int32_t run_synchronize(smq_context*) { return SMQ_OK; }

}  // namespace smq

smq_context::smq_context(int threads) : pool(threads), kernels(smq::choose_kernels()) {}

smq_context::~smq_context() {
  for (auto* event : events) delete event;
  for (auto* graph : graphs) delete graph;
  for (const auto& [address, bytes] : allocations) std::free(smq::at<void>(address));
  for (const auto& [address, bytes] : pinned) std::free(smq::at<void>(address));
  for (const auto& [address, range] : ranges) {
    munmap(smq::at<void>(address), std::size_t(range.reserved));
  }
}

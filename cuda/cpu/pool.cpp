#include "pool.h"

#include <algorithm>
#include <chrono>

namespace smq {
namespace {

constexpr double kShortest = 3000;         // nanoseconds of work that are worth a hand-over
constexpr int kPartsPerThread = 4;         // so that a slow thread does not hold up the others
constexpr auto kSpin = std::chrono::microseconds(50);

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

uint32_t generation_of(uint64_t ticket) { return uint32_t(ticket >> 32); }
int parts_of(uint64_t ticket) { return int((ticket >> 16) & 0xffff); }
int next_of(uint64_t ticket) { return int(ticket & 0xffff); }

}  // namespace

Pool::Pool(int threads) {
  try {
    workers_.reserve(std::size_t(threads - 1));
    for (int worker = 1; worker < threads; ++worker) {
      workers_.emplace_back([this, worker] { work(worker); });
    }
  } catch (...) {
    stop();
    throw;
  }
}

Pool::~Pool() { stop(); }

void Pool::stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& worker : workers_) worker.join();
  workers_.clear();
}

int Pool::plan(int64_t count, double cost) const {
  if (workers_.empty() || count < 2) return 1;
  const double total = double(count) * cost;
  if (total < 2 * kShortest) return 1;
  const double parts = std::min(total / kShortest, double(threads()) * kPartsPerThread);
  return int(std::min<int64_t>(count, int64_t(parts)));
}

void Pool::dispatch(int parts, void* data, Call call) {
  data_ = data;
  call_ = call;
  done_.store(0, std::memory_order_relaxed);
  const uint32_t generation = generation_of(ticket_.load(std::memory_order_relaxed)) + 1;
  ticket_.store(uint64_t(generation) << 32 | uint64_t(parts) << 16);
  if (sleepers_.load() > 0) {
    std::lock_guard<std::mutex> lock(mutex_);
    wake_.notify_all();
  }
  take(generation, 0);
  // All parts are taken; another thread may still be at its last.
  for (int spin = 0; done_.load(std::memory_order_acquire) < parts; ++spin) {
    if (spin < 2000) {
      relax();
    } else {
      std::this_thread::yield();
    }
  }
}

void Pool::take(uint32_t generation, int worker) {
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  while (generation_of(ticket) == generation && next_of(ticket) < parts_of(ticket)) {
    if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel)) continue;
    call_(data_, next_of(ticket), parts_of(ticket), worker);
    done_.fetch_add(1, std::memory_order_acq_rel);
    ticket = ticket_.load(std::memory_order_acquire);
  }
}

void Pool::work(int worker) {
  uint32_t seen = 0;
  const auto changed = [&] { return generation_of(ticket_.load()) != seen; };
  while (!stopping_) {
    const auto start = std::chrono::steady_clock::now();
    while (!changed()) {
      for (int i = 0; i < 32 && !changed(); ++i) relax();
      if (std::chrono::steady_clock::now() - start < kSpin) continue;
      std::unique_lock<std::mutex> lock(mutex_);
      sleepers_.fetch_add(1);
      wake_.wait(lock, [&] { return stopping_ || changed(); });
      sleepers_.fetch_sub(1);
      break;
    }
    if (stopping_) return;
    seen = generation_of(ticket_.load());
    take(seen, worker);
  }
}

}  // namespace smq

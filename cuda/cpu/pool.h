// A pool of threads for short loops: workers spin for a moment, then sleep, and cost nothing while idle.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace smq {

class Pool {
 public:
  // `threads` counts the caller, so threads - 1 workers are started.
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const { return int(workers_.size()) + 1; }

  // Calls body(begin, end, worker) on parts of 0..count-1, and returns when all are done. `cost` is
  // about what one item takes in nanoseconds: what is short stays on the caller. Parts are fixed
  // ranges; which thread takes one is not, so a result must not depend on `worker`, which names the
  // scratch that a call may use (0..threads-1).
  template <class Body>
  void run(int64_t count, double cost, const Body& body) {
    const int parts = plan(count, cost);
    if (parts <= 1) {
      if (count > 0) body(int64_t(0), count, 0);
      return;
    }
    struct Job {
      const Body& body;
      int64_t count;
    } job{body, count};
    dispatch(parts, &job, [](void* data, int part, int total, int worker) {
      const Job& self = *static_cast<const Job*>(data);
      self.body(self.count * part / total, self.count * (part + 1) / total, worker);
    });
  }

 private:
  using Call = void (*)(void* data, int part, int total, int worker);

  int plan(int64_t count, double cost) const;
  void dispatch(int parts, void* data, Call call);
  // Takes parts of the round `generation` until none is left.
  void take(uint32_t generation, int worker);
  void work(int worker);
  void stop();

  std::vector<std::thread> workers_;
  // generation << 32 | parts << 16 | next part: one word, so that a late worker cannot take a part of
  // a round that it has not seen.
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int> done_{0};
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stopping_{false};
  void* data_ = nullptr;
  Call call_ = nullptr;
  std::mutex mutex_;
  std::condition_variable wake_;
};

}  // namespace smq

// The context: threads, kernels, memory in use, and the graph under capture. And `submit`, through
// which every op runs or is recorded.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "error.h"
#include "kernels.h"
#include "pool.h"

struct smq_event {
  std::chrono::steady_clock::time_point time;
  bool recorded = false;
};

struct smq_graph {
  std::vector<std::function<void()>> calls;
};

namespace smq {

// Memory for the inside of one op. Grows when an op is submitted, so that a launch never allocates.
class Scratch {
 public:
  void ensure(int64_t bytes);
  uint8_t* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(uint8_t* memory) const;
  };
  std::unique_ptr<uint8_t[], Free> data_;
  int64_t bytes_ = 0;
};

struct Range {
  int64_t reserved;
  int64_t backed;
};

}  // namespace smq

struct smq_context {
  explicit smq_context(int threads);
  ~smq_context();

  smq::Pool pool;
  const smq::Kernels& kernels;
  const bool poison;  // fresh memory is filled with 0xff, which is NaN in every float dtype
  smq::Scratch scratch;
  std::map<uint64_t, int64_t> allocations;
  std::map<uint64_t, int64_t> pinned;
  std::map<uint64_t, smq::Range> ranges;
  int64_t used = 0;
  std::set<smq_event*> events;
  std::set<smq_graph*> graphs;
  std::unique_ptr<smq_graph> capture;
};

namespace smq {

// A device address of the twin is a host address.
template <class T>
T* at(uint64_t address) {
  return reinterpret_cast<T*>(address);
}

// Runs `call` now, or records it while a capture is under way. `call` holds all it needs by value; it
// may use `scratch` bytes of ctx->scratch, whose address it must read when it runs.
template <class Call>
int32_t submit(smq_context* ctx, Call&& call, int64_t scratch = 0) noexcept {
  return guarded([&] {
    if (scratch > 0) ctx->scratch.ensure(scratch);
    if (ctx->capture) {
      ctx->capture->calls.emplace_back(std::forward<Call>(call));
    } else {
      call();
    }
    return SMQ_OK;
  });
}

// Refuses a call that cannot be captured while a capture is under way.
inline int32_t refuse_capture(const smq_context* ctx, const char* what) {
  if (!ctx->capture) return SMQ_OK;
  return fail(SMQ_STATE, "%s cannot be captured, and a capture is under way", what);
}

}  // namespace smq

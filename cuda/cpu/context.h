// The context: threads, kernels, and the graph under capture. And `submit`, through which every op runs
// or is recorded.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "common/address.h"
#include "common/context.h"
#include "common/error.h"
#include "common/ops.h"
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

}  // namespace smq

struct smq_context : smq::ContextBase {
  explicit smq_context(int threads);
  ~smq_context();

  smq::Pool pool;
  const smq::Kernels& kernels;
  smq::Scratch scratch;
  std::vector<std::function<void()>> captured;  // calls of the capture under way
};

namespace smq {

// Runs `call` now, or records it while a capture is under way. `call` holds all it needs by value; it
// may use `scratch` bytes of ctx->scratch, whose address it must read when it runs.
template <class Call>
int32_t submit(smq_context* ctx, Call&& call, int64_t scratch = 0) noexcept {
  return guarded([&] {
    if (scratch > 0) ctx->scratch.ensure(scratch);
    if (ctx->capturing) {
      ctx->captured.emplace_back(std::forward<Call>(call));
    } else {
      call();
    }
    return SMQ_OK;
  });
}

}  // namespace smq

// Status and message of a failed call, and the checks that every function of the ABI starts with.
#pragma once

#include <cstdint>
#include <new>

#include "abi.h"

namespace smq {

constexpr int64_t kMostBytes = int64_t(1) << 46;  // of one operand, or one range of addresses

// Keeps a message for smq_last_error on this thread, and returns `status`.
__attribute__((format(printf, 2, 3))) int32_t fail(int32_t status, const char* format, ...);

// The message of this thread's last fail().
const char* last_error();

// Runs `body`, which returns a status; no exception leaves the library.
template <class Body>
int32_t guarded(Body&& body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return fail(SMQ_OUT_OF_MEMORY, "host memory for bookkeeping is exhausted");
  } catch (...) {
    return fail(SMQ_DEVICE, "the host refused a system call");
  }
}

// Checks arguments one behind the other; the first that fails decides status and message.
class Check {
 public:
  // A handle or a host pointer.
  Check& pointer(const char* name, const void* value);
  // A device address; 0 is refused.
  Check& address(const char* name, uint64_t value);
  Check& at_least(const char* name, int64_t value, int64_t least);
  Check& between(const char* name, int64_t value, int64_t least, int64_t most);
  Check& multiple(const char* name, int64_t value, int64_t factor);
  // A request that is valid but beyond what a kernel can hold.
  Check& limit(const char* name, int64_t value, int64_t most);
  // SMQ_F16 or SMQ_BF16.
  Check& half(const char* name, int32_t dtype);
  // SMQ_F16, SMQ_BF16 or SMQ_F32.
  Check& dtype(const char* name, int32_t dtype);
  // `dtype`, that of activations, or SMQ_I8, which takes heads of a multiple of 16 elements.
  Check& cache(const char* name, int32_t cache, int32_t dtype, int32_t head_dim);
  // A finite float.
  Check& finite(const char* name, float value);
  // rows * columns elements of `size` bytes from `start` on must be addressable.
  Check& extent(const char* name, uint64_t start, int64_t rows, int64_t columns, int64_t size);
  // A condition of its own; `message` is complete.
  Check& expect(bool holds, const char* message);

  bool failed() const { return status_ != SMQ_OK; }
  int32_t status() const { return status_; }

 private:
  int32_t status_ = SMQ_OK;
};

// Bytes of an element.
inline int64_t element_bytes(int32_t dtype) { return dtype == SMQ_F32 ? 4 : 2; }

}  // namespace smq

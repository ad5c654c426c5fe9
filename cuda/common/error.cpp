#include "error.h"

#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace smq {
namespace {
thread_local char last_message[512] = "";
constexpr uint64_t kAddressable = uint64_t(1) << 57;  // the widest user space of a 64-bit machine
}  // namespace

int32_t fail(int32_t status, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(last_message, sizeof last_message, format, arguments);
  va_end(arguments);
  return status;
}

const char* last_error() { return last_message; }

Check& Check::pointer(const char* name, const void* value) {
  if (!failed() && !value) status_ = fail(SMQ_INVALID, "%s is null, expected a pointer", name);
  return *this;
}

Check& Check::address(const char* name, uint64_t value) {
  if (!failed() && value == 0) status_ = fail(SMQ_INVALID, "%s is 0, expected an address", name);
  return *this;
}

Check& Check::at_least(const char* name, int64_t value, int64_t least) {
  if (!failed() && value < least) {
    status_ = fail(SMQ_INVALID, "%s is %lld, expected %lld or more", name, (long long)value,
                   (long long)least);
  }
  return *this;
}

Check& Check::between(const char* name, int64_t value, int64_t least, int64_t most) {
  if (!failed() && (value < least || value > most)) {
    status_ = fail(SMQ_INVALID, "%s is %lld, expected %lld to %lld", name, (long long)value,
                   (long long)least, (long long)most);
  }
  return *this;
}

Check& Check::multiple(const char* name, int64_t value, int64_t factor) {
  if (!failed() && value % factor != 0) {
    status_ = fail(SMQ_INVALID, "%s is %lld, expected a multiple of %lld", name, (long long)value,
                   (long long)factor);
  }
  return *this;
}

Check& Check::limit(const char* name, int64_t value, int64_t most) {
  if (!failed() && value > most) {
    status_ = fail(SMQ_LIMIT, "%s is %lld, the limit is %lld", name, (long long)value,
                   (long long)most);
  }
  return *this;
}

Check& Check::half(const char* name, int32_t dtype) {
  if (!failed() && dtype != SMQ_F16 && dtype != SMQ_BF16) {
    status_ = fail(SMQ_INVALID, "%s is %d, expected %d (f16) or %d (bf16)", name, dtype, SMQ_F16,
                   SMQ_BF16);
  }
  return *this;
}

Check& Check::cache(const char* name, int32_t cache, int32_t dtype, int32_t head_dim) {
  if (!failed() && cache != dtype && cache != SMQ_I8) {
    status_ = fail(SMQ_INVALID, "%s is %d, expected %d (the dtype of activations) or %d (i8)", name, cache, dtype, SMQ_I8);
  }
  return cache == SMQ_I8 ? multiple("head_dim", head_dim, 16) : *this;
}

Check& Check::dtype(const char* name, int32_t dtype) { return between(name, dtype, 0, SMQ_F32); }

Check& Check::finite(const char* name, float value) {
  if (!failed() && !std::isfinite(value)) {
    status_ = fail(SMQ_INVALID, "%s is %f, expected a finite number", name, double(value));
  }
  return *this;
}

Check& Check::extent(const char* name, uint64_t start, int64_t rows, int64_t columns,
                     int64_t size) {
  if (failed()) return *this;
  int64_t bytes = 0;
  uint64_t end = 0;
  if (__builtin_mul_overflow(rows, columns, &bytes) ||
      __builtin_mul_overflow(bytes, size, &bytes) || bytes > kMostBytes ||
      __builtin_add_overflow(start, uint64_t(bytes), &end) || end > kAddressable) {
    status_ = fail(SMQ_INVALID, "%s is %lld x %lld elements, expected a size that can be addressed",
                   name, (long long)rows, (long long)columns);
  }
  return *this;
}

Check& Check::expect(bool holds, const char* message) {
  if (!failed() && !holds) status_ = fail(SMQ_INVALID, "%s", message);
  return *this;
}

}  // namespace smq

int32_t smq_last_error(uint8_t* out, int32_t capacity) {
  if (!out || capacity < 1) return SMQ_INVALID;
  std::size_t length = std::strlen(smq::last_message);
  if (length >= std::size_t(capacity)) {
    length = std::size_t(capacity) - 1;
    // Not in the middle of a character.
    while (length > 0 && (uint8_t(smq::last_message[length]) & 0xc0) == 0x80) --length;
  }
  std::memcpy(out, smq::last_message, length);
  out[length] = 0;
  return SMQ_OK;
}

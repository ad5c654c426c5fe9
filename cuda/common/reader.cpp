// Reading files on threads: one copies no faster than a core copies, and asks a disk for one thing at a time.
#include "common/reader.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <unistd.h>

#include "common/address.h"
#include "common/context.h"
#include "common/error.h"

using namespace smq;

namespace {

constexpr int64_t kPiece = 1 << 20;  // what a thread reads at once
// Disks are quick only where they are asked for much at once, so a few threads more than small machines have cores.
constexpr int kLeastThreads = 4, kMostThreads = 16;

int threads_that_suit() {
  return std::clamp(int(std::thread::hardware_concurrency()), kLeastThreads, kMostThreads);
}

// Reads until `bytes` are there; how many are: fewer where the file ends, or where *error says why.
int64_t read_fully(int descriptor, int64_t position, int64_t bytes, uint8_t* to, int* error) {
  int64_t done = 0;
  while (done < bytes) {
    const ssize_t count = pread(descriptor, to + done, size_t(bytes - done), position + done);
    if (count > 0) {
      done += count;
    } else if (count == 0) {
      break;
    } else if (errno != EINTR) {
      *error = errno;
      break;
    }
  }
  return done;
}

int32_t check_reader(smq_context* ctx, smq_reader* reader) {
  Check check;
  if (check.pointer("ctx", ctx).pointer("reader", reader).failed()) return check.status();
  if (base(ctx).readers.count(reader)) return SMQ_OK;
  return fail(SMQ_INVALID, "reader is not a reader of this context");
}

// Whether a range lies within what one call of smq_pinned_malloc gave.
bool is_pinned(const ContextBase& context, uint64_t address, int64_t bytes) {
  auto after = context.pinned.upper_bound(address);
  if (after == context.pinned.begin()) return false;
  const auto& [start, size] = *--after;
  return address - start <= uint64_t(size) && bytes <= size - int64_t(address - start);
}

}  // namespace

smq_reader::smq_reader(int threads) {
  // Signals are for the threads of the program.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    threads_.reserve(std::size_t(threads));
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    stop();
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

smq_reader::~smq_reader() { stop(); }

void smq_reader::stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void smq_reader::begin(int descriptor, int64_t position, int64_t bytes, uint8_t* to) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    reads_.push_back({descriptor, position, bytes, to});
  }
  bytes > kPiece ? wake_.notify_all() : wake_.notify_one();
}

int32_t smq_reader::wait() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (reads_.empty()) return smq::fail(SMQ_STATE, "no read has been begun that nobody has waited for");
  const Read& oldest = reads_.front();
  done_.wait(lock, [&] { return oldest.done(); });
  const Read read = oldest;
  reads_.pop_front();
  if (read.failed < 0) return SMQ_OK;
  const long long from = read.position, to = read.position + read.bytes, at = from + read.failed;
  if (read.error == 0) {
    return smq::fail(SMQ_FILE,
                     "the file ends at byte %lld, expected bytes %lld to %lld (it may have changed since it was opened)",
                     at, from, to);
  }
  char text[128];
  return smq::fail(SMQ_FILE, "bytes %lld to %lld cannot be read: %s at byte %lld", from, to,
                   strerror_r(read.error, text, sizeof text), at);
}

smq_reader::Read* smq_reader::open() {
  const auto found = std::find_if(reads_.begin(), reads_.end(), [](const Read& read) { return read.taken < read.bytes; });
  return found == reads_.end() ? nullptr : &*found;
}

void smq_reader::fail(Read& read, int64_t at, int error) {
  if (read.failed < 0 || at < read.failed) {
    read.failed = at;
    read.error = error;
  }
  read.taken = read.bytes;
}

void smq_reader::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    Read* read = nullptr;
    wake_.wait(lock, [&] { return stopping_ || (read = open()); });
    if (stopping_) return;
    const int64_t at = read->taken, bytes = std::min(kPiece, read->bytes - at);
    read->taken += bytes;
    ++read->pieces;
    lock.unlock();
    // The whole piece at once, and not what the system reads ahead of one that is read from start to end.
    posix_fadvise(read->descriptor, read->position + at, bytes, POSIX_FADV_WILLNEED);
    int error = 0;
    const int64_t count = read_fully(read->descriptor, read->position + at, bytes, read->to + at, &error);
    lock.lock();
    if (count < bytes) fail(*read, at + count, error);
    --read->pieces;
    if (read->done()) done_.notify_all();
  }
}

int32_t smq_reader_create(smq_context* ctx, int32_t threads, smq_reader** out) {
  Check check;
  check.pointer("ctx", ctx).pointer("out", out).at_least("threads", threads, 0);
  if (check.limit("threads", threads, smq::kMostThreads).failed()) return check.status();
  *out = nullptr;
  return guarded([&] {
    auto reader = std::make_unique<smq_reader>(threads > 0 ? threads : threads_that_suit());
    base(ctx).readers.insert(reader.get());
    *out = reader.release();
    return SMQ_OK;
  });
}

int32_t smq_reader_destroy(smq_context* ctx, smq_reader* reader) {
  if (const int32_t status = check_reader(ctx, reader)) return status;
  base(ctx).readers.erase(reader);
  delete reader;
  return SMQ_OK;
}

int32_t smq_reader_begin(smq_context* ctx, smq_reader* reader, int32_t descriptor, int64_t position,
                         int64_t bytes, uint64_t dst) {
  if (const int32_t status = check_reader(ctx, reader)) return status;
  Check check;
  check.at_least("descriptor", descriptor, 0).between("bytes", bytes, 1, kMostBytes);
  check.between("position", position, 0, INT64_MAX - bytes);
  check.expect(check.failed() || is_pinned(base(ctx), dst, bytes), "dst is not pinned memory of this context");
  if (check.failed()) return check.status();
  return guarded([&] {
    reader->begin(descriptor, position, bytes, at<uint8_t>(dst));
    return SMQ_OK;
  });
}

int32_t smq_reader_wait(smq_context* ctx, smq_reader* reader) {
  if (const int32_t status = check_reader(ctx, reader)) return status;
  return reader->wait();
}

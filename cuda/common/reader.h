// Threads that read files into memory, piece by piece.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "common/abi.h"

struct smq_reader {
 public:
  explicit smq_reader(int threads);
  // Ends what is being read; what no thread has taken is forgotten.
  ~smq_reader();
  smq_reader(const smq_reader&) = delete;
  smq_reader& operator=(const smq_reader&) = delete;

  // Queues bytes of a descriptor, from `position` on.
  void begin(int descriptor, int64_t position, int64_t bytes, uint8_t* to);
  // Waits for the oldest read and forgets it: SMQ_STATE where there is none, SMQ_FILE where it failed.
  int32_t wait();

 private:
  struct Read {
    int descriptor;
    int64_t position;
    int64_t bytes;
    uint8_t* to;
    int64_t taken = 0;    // bytes that a thread has or had in hand
    int pieces = 0;       // in the hands of threads
    int64_t failed = -1;  // the first byte that could not be read, within the read
    int error = 0;        // why; 0 where the file ends there

    bool done() const { return taken == bytes && pieces == 0; }
  };

  void work();
  void stop();
  // The first read of which something is left to take.
  Read* open();
  void fail(Read& read, int64_t at, int error);

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::deque<Read> reads_;  // in the order of begin; a deque's elements stay where they are
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// Weights from the order of a file to the order that packing reads. For each layout, where element (output j,
// input i) lies in it.
#include "context.cuh"

using namespace smq;

namespace {

struct Stored {
  const void* address;
  int32_t n, k;

  __device__ uint32_t word(int64_t i) const { return static_cast<const uint32_t*>(address)[i]; }
  __device__ uint32_t byte(int64_t i) const { return static_cast<const uint8_t*>(address)[i]; }
};

// The place of element e in [0, 2, 4, 6, 1, 3, 5, 7].
__device__ int32_t evens_first(int32_t e) { return e / 2 + e % 2 * 4; }

struct Awq {
  static __device__ uint32_t element(const Stored& w, int32_t j, int32_t i) {
    return w.word(int64_t(i) * (w.n / 8) + j / 8) >> (4 * evens_first(j % 8));
  }
};

struct Rows {
  static __device__ uint32_t element(const Stored& w, int32_t j, int32_t i) {
    return w.word(int64_t(j) * (w.k / 8) + i / 8) >> (4 * (i % 8));
  }
};

// Marlin's tiles of 16 inputs and 64 outputs: 32 threads times four blocks of 16 outputs. A word has four inputs
// of one output, then those of the output 8 further.
__device__ uint32_t marlin_word(const Stored& w, int32_t j, int32_t i, int32_t quarter) {
  const int32_t thread = j % 8 * 4 + quarter;
  return w.word(int64_t(i / 16) * 2 * w.n + j / 64 * 128 + thread * 4 + j % 64 / 16);
}

// Inputs as the tensor cores for f16 want them: 2 q, 2 q + 1, 2 q + 8 and 2 q + 9 in quarter q.
struct Marlin {
  static __device__ uint32_t element(const Stored& w, int32_t j, int32_t i) {
    const int32_t e = j % 16 / 8 * 4 + i % 2 + i % 16 / 8 * 2;
    return marlin_word(w, j, i, i % 8 / 2) >> (4 * evens_first(e));
  }
};

// As those for i8 do: four inputs in a row.
struct QqqGroup {
  static __device__ uint32_t element(const Stored& w, int32_t j, int32_t i) {
    return marlin_word(w, j, i, i % 16 / 4) >> (4 * evens_first(j % 16 / 8 * 4 + i % 4));
  }
};

// The same in the order [4, 0, 5, 1, 6, 2, 7, 3], and signed.
struct Qqq {
  static __device__ uint32_t element(const Stored& w, int32_t j, int32_t i) {
    const int32_t e = j % 16 / 8 * 4 + i % 4;
    return marlin_word(w, j, i, i % 16 / 4) >> (4 * (e < 4 ? 2 * e + 1 : 2 * e - 8)) ^ 8;
  }
};

// Tiles of 32 outputs and 32 inputs. The lower 16 outputs are in the low nibbles, the others in the high ones; in
// a tile 8 outputs, 4 pieces of inputs, 2 halves of inputs, 2 halves of outputs, 4 inputs.
struct Qoq {
  static __device__ uint32_t element(const Stored& w, int32_t j, int32_t i) {
    const int64_t tile = int64_t(j / 32) * (w.k / 32) + i / 32;
    const int32_t thread = j % 8 * 4 + i % 16 / 4;
    const int32_t place = (i % 32 / 16 * 2 + j % 16 / 8) * 4 + i % 4;
    return w.byte(tile * 512 + thread * 16 + place) >> (4 * (j % 32 / 16));
  }
};

struct Gptq8 {
  static __device__ uint32_t element(const Stored& w, int32_t j, int32_t i) {
    return w.byte((int64_t(i / 4) * w.n + j) * 4 + i % 4) ^ 128;
  }
};

struct Rows8 {
  static __device__ uint32_t element(const Stored& w, int32_t j, int32_t i) {
    return w.byte(int64_t(j) * w.k + i) ^ 128;
  }
};

constexpr int kThreads = 256;

// One thread: eight inputs of one output.
template <class Layout>
__global__ void unpack_nibbles(uint32_t* out, const Stored w) {
  wait_for_previous();
  const int64_t item = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (item >= int64_t(w.k / 8) * w.n) return;
  const int32_t j = int32_t(item % w.n), i = int32_t(item / w.n) * 8;
  uint32_t word = 0;
#pragma unroll
  for (int e = 0; e < 8; ++e) word |= (Layout::element(w, j, i + e) & 15) << (4 * e);
  out[item] = word;
}

// One thread: one element.
template <class Layout>
__global__ void unpack_bytes(uint8_t* out, const Stored w) {
  wait_for_previous();
  const int64_t item = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (item >= int64_t(w.k) * w.n) return;
  out[item] = uint8_t(Layout::element(w, int32_t(item / w.k), int32_t(item % w.k)));
}

using Nibbles = void (*)(uint32_t*, const Stored);
using Bytes = void (*)(uint8_t*, const Stored);

// By layout.
constexpr Nibbles kNibbles[] = {unpack_nibbles<Awq>, unpack_nibbles<Rows>,     unpack_nibbles<Marlin>,
                                unpack_nibbles<Qqq>, unpack_nibbles<QqqGroup>, unpack_nibbles<Qoq>};
constexpr Bytes kBytes[] = {unpack_bytes<Gptq8>, unpack_bytes<Rows8>};

}  // namespace

int32_t smq::run_unpack(smq_context* ctx, uint64_t out, uint64_t stored, int32_t layout, int32_t n,
                        int32_t k) {
  if (const int32_t status = enter(ctx)) return status;
  const bool bytes = layout >= SMQ_LAYOUT_GPTQ8;
  const int64_t blocks = (int64_t(n) * k / (bytes ? 1 : 8) + kThreads - 1) / kThreads;
  Check check;
  if (check.limit("n * k", blocks, INT32_MAX).failed()) return check.status();
  const Stored w{at<const void>(stored), n, k};
  if (bytes) {
    launch(ctx, kBytes[layout - SMQ_LAYOUT_GPTQ8], unsigned(blocks), kThreads, 0, at<uint8_t>(out), w);
  } else {
    launch(ctx, kNibbles[layout], unsigned(blocks), kThreads, 0, at<uint32_t>(out), w);
  }
  return launched(ctx, "smq_unpack");
}

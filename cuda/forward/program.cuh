// A forward as data: the ops that a capture saw one behind the other, for one kernel that runs them all
// (kernel.cuh). Every op has its arithmetic from where the kernels of single ops have theirs, so that the
// bits are the same.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include <cuda.h>

#include "context.cuh"
#include "forward/parts.cuh"
#include "gemm/split.cuh"
#include "ops/attention_cut.cuh"

namespace smq {
namespace forward {

enum class Kind : int32_t {
  kW4a16,    // ProductCall: a product with four-bit weights, one scale a unit and output
  kF16,      // ProductCall: a product with weights of the activations' dtype
  kNorm,     // RowsCall
  kConvert,  // RowsCall, no weight
  kRope,     // RopeCall
  kAttend,   // DecodeCall: the pieces of attention
  kMerge,    // DecodeCall: their folds
  kSilu,     // SiluCall
};

// With parts, the outputs of the product before (x, qkv) are added up here, and also written.
struct RowsCall {
  void* out;
  float* x;
  const void* weight;
  int32_t out_stride, m, width;
  float eps;
  uint2* squares;  // [m, chunks]: sums of squares, each with the epoch of its use
  Parts parts;
};

struct SiluCall {
  void* out;
  void* x;
  int32_t m, n;
  Parts parts;
};

struct RopeCall {
  RopeKv rope;
  Parts parts;
};

// With parts, its sums are left to the op behind it.
struct ProductCall {
  StreamCall product;
  Parts parts;
};

// Beyond these rows the ops take longer in one kernel than one by one: eight warps a multiprocessor are few for
// all but products, and the inputs of more rows leave the ring no room.
constexpr int32_t kMostRows = 32;

constexpr int kCallBytes = 192;

// At the end of the context's scratch memory: RowsCall::squares. Parts have what lies before.
constexpr size_t kSquaresBytes = size_t(1) << 20;
constexpr int32_t kNormChunk = 128;  // elements
constexpr int32_t kMostInstructions = 1 << 14;

// One op. The first kInstructionHead bytes are what consumers read; the copying threads also read the maps.
struct alignas(128) Instruction {
  Kind kind;
  Split split;             // of a product; no units otherwise
  const uint8_t* w;        // of kW4a16
  alignas(16) uint8_t call[kCallBytes];
  CUtensorMap x_map;       // of a product: the rows
  CUtensorMap w_map;       // of kF16

  template <class Call>
  void set(Kind of, const Call& given) {
    static_assert(sizeof(Call) <= kCallBytes && std::is_trivially_copyable<Call>::value, "a call is bytes");
    kind = of;
    std::memcpy(call, &given, sizeof given);
  }
  template <class Call>
  Call get() const {
    Call result;
    std::memcpy(&result, call, sizeof result);
    return result;
  }
  template <class Call>
  __device__ __forceinline__ const Call& as() const {
    return *reinterpret_cast<const Call*>(call);
  }
};

constexpr int kInstructionHead = 224;
static_assert(offsetof(Instruction, x_map) >= kInstructionHead &&
                  offsetof(Instruction, call) + kCallBytes <= kInstructionHead,
              "consumers read the head alone");

// A program on the device.
struct Program {
  const Instruction* instructions;
  int32_t count;
  int32_t dtype;
};

// Whether the kernel can run here: it needs Hopper's copy engine and matrix instructions.
bool available(const smq_context* ctx);
// The rows that a kernel computes for products of up to m; the rest are zeros that nobody stores.
int32_t program_rows(int32_t m);
// Queues the kernel for `rows`, one of program_rows.
int32_t run(smq_context* ctx, const Program& program, int32_t rows);

}  // namespace forward
}  // namespace smq

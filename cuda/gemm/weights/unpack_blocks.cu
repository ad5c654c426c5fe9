// GGUF's blocks, taken apart into what the packing ops read. For each type, where the parts of element e of a block lie
// in it, by bytes: rows of blocks start anywhere.
#include "context.cuh"

#include <cuda_fp16.h>

using namespace smq;

namespace {

__device__ __forceinline__ float half_at(const uint8_t* p) {
  return __half2float(__ushort_as_half(uint16_t(p[0] | p[1] << 8)));
}
__device__ __forceinline__ uint32_t word_at(const uint8_t* p) {
  return p[0] | uint32_t(p[1]) << 8 | uint32_t(p[2]) << 16 | uint32_t(p[3]) << 24;
}

// A type has
//   kElements, kGroup, kBytes   of a block
//   kMiddle                     what it subtracts of an element
//   kOffsets                    whether it has offsets
//   element(block, e), scale(block, group), offset(block, group)
// Of blocks of 32: nibble j of the first half is in the low half of byte j, that of element j + 16 in the high one.
template <int Bits, bool Offsets>
struct Block32 {
  static constexpr int kElements = 32, kGroup = 32, kMiddle = Offsets ? 0 : 1 << (Bits - 1);
  static constexpr bool kOffsets = Offsets;
  static constexpr int kHead = Offsets ? 4 : 2, kNibbles = kHead + (Bits == 5 ? 4 : 0);
  static constexpr int kBytes = kNibbles + 16;

  static __device__ int element(const uint8_t* block, int e) {
    const int low = block[kNibbles + e % 16] >> (e / 16 * 4) & 15;
    return Bits == 5 ? low | int(word_at(block + kHead) >> e & 1) << 4 : low;
  }
  static __device__ float scale(const uint8_t* block, int) { return half_at(block); }
  static __device__ float offset(const uint8_t* block, int) { return Offsets ? half_at(block + 2) : 0; }
};

struct Q8 {
  static constexpr int kElements = 32, kGroup = 32, kMiddle = 0, kBytes = 34;
  static constexpr bool kOffsets = false;
  static __device__ int element(const uint8_t* block, int e) { return int8_t(block[2 + e]); }
  static __device__ float scale(const uint8_t* block, int) { return half_at(block); }
  static __device__ float offset(const uint8_t*, int) { return 0; }
};

// Blocks of 256 in groups of 32: two f16, 12 bytes of pairs of six bits, fifth bits, nibbles. Of 64 elements the first
// 32 have the low nibbles of 32 bytes; of the fifth bits of element e, bit e / 32 of byte e % 32.
template <int Bits>
struct Block256 {
  static constexpr int kElements = 256, kGroup = 32, kMiddle = 0;
  static constexpr bool kOffsets = true;
  static constexpr int kPairs = 4, kNibbles = kPairs + 12 + (Bits == 5 ? 32 : 0), kBytes = kNibbles + 128;

  static __device__ int element(const uint8_t* block, int e) {
    const int low = block[kNibbles + e / 64 * 32 + e % 32] >> (e / 32 % 2 * 4) & 15;
    return Bits == 5 ? low | (block[kPairs + 12 + e % 32] >> (e / 32) & 1) << 4 : low;
  }
  static __device__ float scale(const uint8_t* block, int group) {
    const uint8_t* const pairs = block + kPairs;
    const int six = group < 4 ? pairs[group] & 63 : (pairs[group + 4] & 15) | pairs[group - 4] >> 6 << 4;
    return half_at(block) * float(six);
  }
  static __device__ float offset(const uint8_t* block, int group) {
    const uint8_t* const pairs = block + kPairs;
    const int six = group < 4 ? pairs[group + 4] & 63 : pairs[group + 4] >> 4 | pairs[group] >> 6 << 4;
    return -(half_at(block + 2) * float(six));
  }
};

// 256 elements in groups of 16: 128 bytes of four bits, 64 of two, 16 scales, an f16. Of 128 elements the first 64 have
// the low nibbles of 64 bytes; of the upper bits of element e, those at e / 32 of byte e % 32.
struct Q6K {
  static constexpr int kElements = 256, kGroup = 16, kMiddle = 32, kBytes = 210;
  static constexpr bool kOffsets = false;
  static __device__ int element(const uint8_t* block, int e) {
    const int low = block[e / 128 * 64 + e % 64] >> (e % 128 / 64 * 4) & 15;
    return low | (block[128 + e / 128 * 32 + e % 32] >> (e % 128 / 32 * 2) & 3) << 4;
  }
  static __device__ float scale(const uint8_t* block, int group) {
    return half_at(block + 208) * float(int8_t(block[192 + group]));
  }
  static __device__ float offset(const uint8_t*, int) { return 0; }
};

struct Call {
  void* q;
  __half *scales, *offsets;  // offsets: null where nobody wants them
  const uint8_t* stored;
  int32_t n, k;
};

// The scale and offset of the group that starts at input i of output j.
template <class Type, bool Wide>
__device__ void write_scale(const Call& call, const uint8_t* block, int32_t j, int32_t i) {
  const int group = i % Type::kElements / Type::kGroup;
  const int64_t to = int64_t(i / Type::kGroup) * call.n + j;
  const __half scale = __float2half_rn(Type::scale(block, group));
  call.scales[to] = scale;
  if (!call.offsets) return;
  const float offset =
      Type::kOffsets ? Type::offset(block, group) : Wide ? 0 : float(-Type::kMiddle) * __half2float(scale);
  call.offsets[to] = __float2half_rn(offset);
}

template <class Type>
__device__ const uint8_t* block_of(const Call& call, int32_t j, int32_t i) {
  return call.stored + (int64_t(j) * (call.k / Type::kElements) + i / Type::kElements) * Type::kBytes;
}

constexpr int kThreads = 256;

// One thread: eight inputs of one output, neighbours along the outputs.
template <class Type>
__global__ void unpack_nibbles(const Call call) {
  wait_for_previous();
  const int64_t item = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (item >= int64_t(call.k / 8) * call.n) return;
  const int32_t j = int32_t(item % call.n), i = int32_t(item / call.n) * 8;
  const uint8_t* const block = block_of<Type>(call, j, i);
  uint32_t word = 0;
#pragma unroll
  for (int e = 0; e < 8; ++e) word |= uint32_t(Type::element(block, i % Type::kElements + e)) << (4 * e);
  static_cast<uint32_t*>(call.q)[item] = word;
  if (i % Type::kGroup == 0) write_scale<Type, false>(call, block, j, i);
}

// The same, neighbours along the inputs, to bytes.
template <class Type>
__global__ void unpack_bytes(const Call call) {
  wait_for_previous();
  const int64_t item = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  const int32_t chunks = call.k / 8;
  if (item >= int64_t(chunks) * call.n) return;
  const int32_t j = int32_t(item / chunks), i = int32_t(item % chunks) * 8;
  const uint8_t* const block = block_of<Type>(call, j, i);
  uint8_t bytes[8];
#pragma unroll
  for (int e = 0; e < 8; ++e) {
    bytes[e] = uint8_t(Type::element(block, i % Type::kElements + e) - Type::kMiddle);
  }
  uint8_t* const to = static_cast<uint8_t*>(call.q) + item * 8;
#pragma unroll
  for (int e = 0; e < 8; ++e) to[e] = bytes[e];
  if (i % Type::kGroup == 0) write_scale<Type, true>(call, block, j, i);
}

using Kernel = void (*)(const Call);

// By type: nibbles where they are wanted, and bytes.
constexpr Kernel kNibbles[] = {unpack_nibbles<Block32<4, false>>, unpack_nibbles<Block32<4, true>>,
                               nullptr, nullptr, nullptr, unpack_nibbles<Block256<4>>};
constexpr Kernel kBytes[] = {unpack_bytes<Block32<4, false>>, unpack_bytes<Block32<4, true>>,
                             unpack_bytes<Block32<5, false>>, unpack_bytes<Block32<5, true>>,
                             unpack_bytes<Q8>,                unpack_bytes<Block256<4>>,
                             unpack_bytes<Block256<5>>,       unpack_bytes<Q6K>};

}  // namespace

int32_t smq::run_unpack_blocks(smq_context* ctx, uint64_t q, uint64_t scales, uint64_t offsets,
                               uint64_t stored, int32_t type, int32_t wide, int32_t n, int32_t k) {
  if (const int32_t status = enter(ctx)) return status;
  const int64_t blocks = (int64_t(n) * k / 8 + kThreads - 1) / kThreads;
  Check check;
  if (check.limit("n * k", blocks, INT32_MAX).failed()) return check.status();
  const bool four_bits = type == SMQ_BLOCKS_Q4_0 || type == SMQ_BLOCKS_Q4_1 || type == SMQ_BLOCKS_Q4_K;
  const Call call{at<void>(q), at<__half>(scales), offsets ? at<__half>(offsets) : nullptr,
                  at<const uint8_t>(stored), n, k};
  launch(ctx, four_bits && !wide ? kNibbles[type] : kBytes[type], unsigned(blocks), kThreads, 0, call);
  return launched(ctx, "smq_unpack_blocks");
}

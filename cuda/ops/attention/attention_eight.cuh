// Keys and values in 8 bits: what they stand for, q s rounded to the dtype, on its way into tiles of shared memory. From
// there on kernels know no difference, so that their bits are those of a cache that holds the rounded numbers.
#pragma once

#include "ops/attention/attention_chunk.cuh"

namespace smq {

// Four elements, of which `word` has the bytes.
__device__ __forceinline__ uint2 stand_for(uint32_t word, __half scale) {
  const uint32_t biased = word ^ 0x80808080;
  // 1024 + 128 + q, exact; so is the difference, and the product is rounded once.
  const __half2 zero = __half2half2(__ushort_as_half(0x6480)), by = __half2half2(scale);
  const uint32_t low = __byte_perm(biased, 0x64646464, 0x4140), high = __byte_perm(biased, 0x64646464, 0x4342);
  const __half2 first = __hmul2_rn(__hsub2(reinterpret_cast<const __half2&>(low), zero), by);
  const __half2 second = __hmul2_rn(__hsub2(reinterpret_cast<const __half2&>(high), zero), by);
  return make_uint2(reinterpret_cast<const uint32_t&>(first), reinterpret_cast<const uint32_t&>(second));
}
__device__ __forceinline__ uint2 stand_for(uint32_t word, __nv_bfloat16 scale) {
  const uint32_t biased = word ^ 0x80808080;
  const float by = __bfloat162float(scale);
  // 2^23 + 128 + q; bf16 has too few bits for that.
  const auto value = [&](int byte) {
    return __fmul_rn(__fsub_rn(__uint_as_float(__byte_perm(biased, 0x4b000000, 0x7540 + byte)), 8388736.0f), by);
  };
  return make_uint2(HalfMath<__nv_bfloat16>::pack(value(0), value(1)),
                    HalfMath<__nv_bfloat16>::pack(value(2), value(3)));
}

// Sixteen elements.
template <class T>
__device__ __forceinline__ void stand_for(uint4 (&out)[2], const uint4& elements, T scale) {
  const uint2 a = stand_for(elements.x, scale), b = stand_for(elements.y, scale);
  const uint2 c = stand_for(elements.z, scale), d = stand_for(elements.w, scale);
  out[0] = make_uint4(a.x, a.y, b.x, b.y);
  out[1] = make_uint4(c.x, c.y, d.x, d.y);
}

// Writes 16 elements of pair `pair`, those from 16 unit on, into a chunk's tiles.
template <class T>
__device__ __forceinline__ void store_elements(uint8_t* tiles, int pair, int unit, const uint4& elements, T scale) {
  uint4 values[2];
  stand_for(values, elements, scale);
  uint8_t* const to = tiles + unit / 4 * kChunkTile;
  // Threads side by side write to two tiles: they begin at different halves, so that they do not meet in a bank.
  const int turn = unit / 4 % 2, at = 2 * unit % 8;
  *reinterpret_cast<uint4*>(to + swizzled(pair, at + turn)) = turn ? values[1] : values[0];
  *reinterpret_cast<uint4*>(to + swizzled(pair, at + 1 - turn)) = turn ? values[0] : values[1];
}

// The keys of a chunk, or its values, as they lie in the cache: [pairs, D], then of each pair the 16 bytes that its scale
// is in. All of it is copied past the first cache, which may hold what was in a slot before this forward's rotation.
template <int D>
struct EightHalf {
  static constexpr int kScales = kChunk * D;
  static constexpr int kBytes = kScales + kChunk * 16;
};

// Starts the copies of a half by `Threads` threads.
template <int D, int Threads>
__device__ __forceinline__ void copy_half(uint32_t to, const void* cache, const AttentionArgs& args, int32_t kv_head,
                                          int32_t chunk, int32_t lowest, int thread) {
  static_assert(Threads >= kChunk, "a thread for each scale");
  constexpr int kUnitsRow = D / 16, kApart = Threads / kUnitsRow;
  const int unit = thread % kUnitsRow, first = thread / kUnitsRow;
  const int64_t row = args.row_bytes();
  const uint8_t* const from = static_cast<const uint8_t*>(cache) + int64_t(chunk) * kChunk * row;
  const bool column = 16 * unit < args.head_dim;
  int64_t offset = first * row + int64_t(kv_head) * args.head_dim + 16 * unit;
#pragma unroll
  for (int pair = first; pair < kChunk; pair += kApart, offset += kApart * row) {
    const bool wanted = column && chunk * kChunk + pair >= lowest;  // never a slot that no row may see
    ptx::copy16(to + pair * D + 16 * unit, wanted ? from + offset : cache, wanted ? 16 : 0);
  }
  if (thread < kChunk) {
    const bool wanted = chunk * kChunk + thread >= lowest;
    const int64_t at = thread * row + args.scale_at(kv_head) / 16 * 16;
    ptx::copy16(to + EightHalf<D>::kScales + 16 * thread, wanted ? from + at : cache, wanted ? 16 : 0);
  }
}

// Writes what a half stands for into tiles, as a half of 16 bits would be copied.
template <class T, int D, int Threads>
__device__ __forceinline__ void widen_half(uint8_t* tiles, const uint8_t* from, const AttentionArgs& args,
                                           int32_t kv_head, int thread) {
  constexpr int kUnitsRow = D / 16, kApart = Threads / kUnitsRow;
  const int unit = thread % kUnitsRow;
  const uint8_t* const scales = from + EightHalf<D>::kScales + args.scale_at(kv_head) % 16;
#pragma unroll
  for (int pair = thread / kUnitsRow; pair < kChunk; pair += kApart) {
    const uint4 elements = *reinterpret_cast<const uint4*>(from + pair * D + 16 * unit);
    store_elements(tiles, pair, unit, elements, *reinterpret_cast<const T*>(scales + 16 * pair));
  }
}

// Writes what `pairs` pairs stand for into chunks of `Stage` bytes; slot_of(pair): where each lies, or -1.
template <class T, int D, int Threads, int Stage, class SlotOf>
__device__ __forceinline__ void copy_pairs(uint8_t* memory, const AttentionArgs& args, int32_t kv_head, int pairs,
                                           SlotOf&& slot_of) {
  constexpr int kUnitsRow = D / 16;
  const int unit = threadIdx.x % kUnitsRow;
  const int64_t row = args.row_bytes(), scale_at = args.scale_at(kv_head);
  const int64_t at = int64_t(kv_head) * args.head_dim + 16 * unit;
#pragma unroll 2
  for (int pair = int(threadIdx.x) / kUnitsRow; pair < pairs; pair += Threads / kUnitsRow) {
    const int32_t slot = 16 * unit < args.head_dim ? slot_of(pair) : -1;
    uint4 elements[2] = {make_uint4(0, 0, 0, 0), make_uint4(0, 0, 0, 0)};
    uint16_t scales[2] = {0, 0};
    if (slot >= 0) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const uint8_t* const from = static_cast<const uint8_t*>(half ? args.v_cache : args.k_cache) + slot * row;
        elements[half] = __ldcg(reinterpret_cast<const uint4*>(from + at));
        scales[half] = __ldcg(reinterpret_cast<const unsigned short*>(from + scale_at));
      }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      store_elements(memory + pair / kChunk * Stage + half * kChunk * 2 * D, pair % kChunk, unit, elements[half],
                     reinterpret_cast<const T&>(scales[half]));
    }
  }
}

}  // namespace smq

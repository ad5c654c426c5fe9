// The product of one unit of four-bit weights whose rows are f16, for Hopper. The tensor cores meet the integers q as
// they are stored, and what is subtracted from them, s z sum(x) of a group, goes off its sum: sums of the rows' inputs
// come with them or from a warp that does nothing else (input_sums.cuh). So a register of an operand A, two weights,
// costs one instruction. For groups whose units have one scale row, as a rule of 128 inputs.
//
// A nibble at bits 2 or 6 of a half with no other bit set is a number, q / 2^22 or q / 2^18: f16 has numbers below its
// smallest exponent, which the tensor cores take like any other. (At bits 0 and 4, where a shift less would leave
// them, they would be aligned with four bits less of the sum.) bf16 has too few bits of mantissa for that, and its
// smallest numbers are too small for sums in f32.
//
// Each unit's inputs are summed from zero, by mma.sync and by wgmma in the same order: the same bits.
#pragma once

#include <type_traits>

#include "gemm/rows_operand.cuh"
#include "gemm/w4a16_wgmma.cuh"

namespace smq {
namespace integers {

// Whether a product takes integers as they are.
template <class T, int Grain, int Zeros>
constexpr bool kServes =
    std::is_same<T, __half>::value && Grain == w4a16::kBlock && Zeros != SMQ_ZEROS_OFFSETS;

// What a sum of q x is of the sum of the numbers that operands hold: rows g and g + 8 of an operand.
constexpr float kFirst = 1 << 22, kSecond = 1 << 18;

// One word of w4a16_layout.cuh as an operand A of q / kFirst (rows g) and q / kSecond (rows g + 8).
// Shifts are products, since the pipe of logic is the busiest; `shift`: 1 << 26, which the compiler must not know.
__device__ __forceinline__ void unpack(uint32_t (&a)[4], uint32_t word, uint32_t shift) {
  const uint32_t low = word * 4, high = __umulhi(word, shift);
  a[0] = low & 0x003c003c, a[1] = low & 0x03c003c0;
  a[2] = high & 0x003c003c, a[3] = high & 0x03c003c0;
}

__device__ __forceinline__ float2 load_pair(uint32_t address) {
  float2 v;
  asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(v.x), "=f"(v.y) : "r"(address));
  return v;
}

// The scales and zero points of two outputs, rows g and g + 8 of an operand.
struct Pair {
  float2 scale, zero;  // zero: what goes off for each x

  template <int Zeros>
  __device__ __forceinline__ static Pair of(uint32_t scales, uint32_t zeros) {
    Pair pair{__half22float2(reinterpret_cast<const __half2&>(scales)), {-8 / kFirst, -8 / kSecond}};
    if (Zeros == SMQ_ZEROS_POINTS) {
      pair.zero = {float(zeros & 255) * (-1 / kFirst), float(zeros >> 8) * (-1 / kSecond)};
    }
    return pair;
  }
  // Adds a unit's sums of an operand and a chunk of 8 rows; x: the sums of this thread's rows.
  __device__ __forceinline__ void fold(float* totals, const float* parts, float2 x) const {
    totals[0] = fmaf(fmaf(zero.x, x.x, parts[0]), scale.x, totals[0]);
    totals[1] = fmaf(fmaf(zero.x, x.y, parts[1]), scale.x, totals[1]);
    totals[2] = fmaf(fmaf(zero.y, x.x, parts[2]), scale.y, totals[2]);
    totals[3] = fmaf(fmaf(zero.y, x.y, parts[3]), scale.y, totals[3]);
  }
};

// Totals as the sums of weights times inputs, at the end of a tile.
template <int J, int Size>
__device__ __forceinline__ void end_totals(float (&totals)[J][Size]) {
#pragma unroll
  for (int j = 0; j < J; ++j) {
#pragma unroll
    for (int i = 0; i < Size; ++i) totals[j][i] *= i & 2 ? kSecond : kFirst;
  }
}

// Where a thread reads, from the start of a unit, of its rows' tile and of its sums; kept in registers.
struct Places {
  uint32_t words, scales, zeros, rows[2], sums;
  uint32_t shift;  // see unpack

  // Operands: of a thread, 2 (kFours) or 1 (kPairs).
  template <int Operands>
  __device__ __forceinline__ static Places of(int group, int thread) {
    const int lane = thread % 32;
    const int output = (Operands == 2 ? group * 128 : group / 2 * 128 + group % 2 * 2) + thread / 32 * 32 + lane / 4 * 4;
    Places at;
    at.words = (group * (Operands * 256) + thread) * 16;
    at.scales = w4a16::kNibbleBytes + output * 2;
    at.zeros = w4a16::unit_bytes(w4a16::kBlock, SMQ_ZEROS_NONE) + output;
    at.rows[0] = swizzled(lane % 8, lane / 8), at.rows[1] = swizzled(lane % 8, 4 + lane / 8);
    at.sums = lane % 4 * 8;
    at.shift = 1 << 26;
    // Otherwise the compiler computes them again for each unit.
    asm volatile("" : "+r"(at.words), "+r"(at.scales), "+r"(at.rows[0]), "+r"(at.rows[1]), "+r"(at.sums), "+r"(at.shift));
    return at;
  }
};

// totals[j] += the share of one unit. early() is called once its words are on their way, late() returns once the sums
// are there.
template <int N, int Zeros, class Early, class Late>
__device__ __forceinline__ void add_unit_mma(float (&totals)[2][N / 2], const Places& at, uint32_t unit, uint32_t rows,
                                             uint32_t sums, Early early, Late late) {
  uint4 packed[2][2];  // of both operands, all at once: one latency a unit
#pragma unroll
  for (int half = 0; half < 2; ++half) {
#pragma unroll
    for (int j = 0; j < 2; ++j) packed[j][half] = load_shared16(unit + at.words + j * 4096 + half * 2048);
  }
  float parts[2][N / 2] = {};
  uint2 scales{};
  uint32_t zeros = 0;
  float2 x[N / 8];
#pragma unroll
  for (int two = 0; two < 4; ++two) {
    uint32_t b[N / 8][4];
#pragma unroll
    for (int c = 0; c < N / 8; ++c) {
      ptx::load_matrix4(b[c], rows + at.rows[two % 2] + two / 2 * (N * 128) + c * 1024);
    }
    if (two == 0) early();
    if (two == 3) {
      late();
      scales = load_shared8(unit + at.scales);
      if (Zeros == SMQ_ZEROS_POINTS) zeros = load_shared4(unit + at.zeros);
#pragma unroll
      for (int c = 0; c < N / 8; ++c) x[c] = load_pair(sums + at.sums + c * 32);
    }
#pragma unroll
    for (int s = 0; s < 2; ++s) {
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        uint32_t a[4];
        unpack(a, word_of(packed[j][two / 2], (two * 2 + s) % 4), at.shift);
#pragma unroll
        for (int c = 0; c < N / 8; ++c) {
          ptx::mma(reinterpret_cast<float(&)[4]>(parts[j][4 * c]), a, b[c][2 * s], b[c][2 * s + 1], __half());
        }
      }
    }
  }
  const Pair pair[2] = {Pair::of<Zeros>(scales.x, zeros & 0xffff), Pair::of<Zeros>(scales.y, zeros >> 16)};
#pragma unroll
  for (int c = 0; c < N / 8; ++c) {
#pragma unroll
    for (int j = 0; j < 2; ++j) pair[j].fold(totals[j] + 4 * c, parts[j] + 4 * c, x[c]);
  }
}

// The same by wgmma, a group of four warps for one operand, two steps of 16 inputs at a time. While the tensor cores
// work on two, the next two are unpacked, those of the next unit behind a unit's last: only what a unit comes to is
// added while this group gives them nothing to do.
template <int N, int Zeros>
struct ByWgmma {
  uint32_t a[2][2][4];  // steps 4 i and 4 i + 1 of a unit, 4 i + 2 and 4 i + 3
  uint4 packed;         // of half a unit

  __device__ __forceinline__ void load(const Places& at, uint32_t unit, int half) {
    packed = load_shared16(unit + at.words + half * 2048);
  }
  __device__ __forceinline__ void unpack_two(const Places& at, int two) {
#pragma unroll
    for (int s = 0; s < 2; ++s) unpack(a[two % 2][s], word_of(packed, two % 2 * 2 + s), at.shift);
  }
  // Before the first unit.
  __device__ __forceinline__ void begin(const Places& at, uint32_t unit) {
    load(at, unit, 0);
    unpack_two(at, 0);
  }

  // next(): where the next unit is, once it is there; this one, if it is the last.
  template <class Early, class Next>
  __device__ __forceinline__ void add_unit(float (&totals)[1][N / 2], const Places& at, uint32_t unit, uint32_t rows,
                                           uint32_t sums, Early early, Next next) {
    constexpr int kChunks = N / 8, kAhead = kChunks < 4 ? kChunks : 4;  // chunks whose sums registers are left for
    float parts[N / 2];
#pragma unroll
    for (int two = 0; two < 4; ++two) {
      wgmma::fence();
      const uint64_t tile = wgmma::describe(rows + two / 2 * (N * 128)) + two % 2 * 2 * wgmma::kStep;
#pragma unroll
      for (int s = 0; s < 2; ++s) {
        wgmma::multiply_registers(parts, a[two % 2][s], tile + s * wgmma::kStep, two > 0 || s > 0, __half());
      }
      wgmma::commit();
      if (two == 0) early();
      if (two == 1) load(at, unit, 1);
      if (two == 3) load(at, next(), 0);
      if (two > 0) wgmma::wait<1>();
      unpack_two(at, (two + 1) % 4);
    }
    const uint32_t scales = load_shared4(unit + at.scales);
    const uint32_t zeros = Zeros == SMQ_ZEROS_POINTS ? load_shared2(unit + at.zeros) : 0;
    float2 x[kChunks];
#pragma unroll
    for (int c = 0; c < kAhead; ++c) x[c] = load_pair(sums + at.sums + c * 32);
    const Pair pair = Pair::of<Zeros>(scales, zeros);
    wgmma::wait<0>();
#pragma unroll
    for (int c = kAhead; c < kChunks; ++c) x[c] = load_pair(sums + at.sums + c * 32);
    wgmma::settle(parts);
#pragma unroll
    for (int c = 0; c < kChunks; ++c) pair.fold(totals[0] + 4 * c, parts + 4 * c, x[c]);
  }
};

}  // namespace integers
}  // namespace smq

// The product of one unit of four-bit weights by wgmma, weights unpacked into registers. A group of four
// warps takes one operand: half of 128 outputs. Each grain of inputs is summed from zero and then scaled
// into the f32 totals: the same bits as add_unit_mma of w4a16_mma.cuh.
#pragma once

#include "gemm/ptx.cuh"
#include "gemm/weights/w4a16_layout.cuh"
#include "gemm/wgmma.cuh"

namespace smq {

__device__ __forceinline__ uint4 load_shared16(uint32_t address) {
  uint4 v;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "r"(address));
  return v;
}
__device__ __forceinline__ uint32_t load_shared2(uint32_t address) {
  uint16_t v;
  asm volatile("ld.shared.u16 %0, [%1];" : "=h"(v) : "r"(address));
  return v;
}
__device__ __forceinline__ uint32_t load_shared4(uint32_t address) {
  uint32_t v;
  asm volatile("ld.shared.u32 %0, [%1];" : "=r"(v) : "r"(address));
  return v;
}

// Of a thread, where its words, scales and zero points lie in any unit. Kept: the compiler would work them out again for
// each unit.
struct WgmmaPlaces {
  uint32_t words, scales, zeros;

  __device__ __forceinline__ WgmmaPlaces(int group, int thread, int grain) {
    const int output = group / 2 * 128 + thread / 32 * 32 + thread % 32 / 4 * 4 + group % 2 * 2;
    words = (group * 256 + thread) * 16;
    scales = w4a16::kNibbleBytes + output * 2;
    zeros = w4a16::unit_bytes(grain, SMQ_ZEROS_NONE) + output;
    ptx::known_here(words, scales);
  }
};

// A batch is up to four steps of 16 inputs; while the tensor cores work on one, the next is unpacked, and scales come
// while they work on the first of a grain.
template <class T, int N, int Grain, int Zeros>
__device__ __forceinline__ void add_unit_wgmma(float (&totals)[1][N / 2], uint32_t unit, uint32_t rows,
                                               const WgmmaPlaces& places) {
  constexpr int kGrainSteps = Grain / 16;
  constexpr int kSteps = kGrainSteps < 4 ? kGrainSteps : 4;  // of a batch
  constexpr int kBatches = 8 / kSteps;
  const uint32_t words = unit + places.words, scales = unit + places.scales, zeros = unit + places.zeros;
  const uint64_t first_half = wgmma::describe(rows), second_half = wgmma::describe(rows + N * 128);
  float parts[N / 2];
  uint4 packed{};
  uint32_t pair = 0;  // of scales
  ptx::Biases biases = ptx::middle(T());

  const auto fold = [&] {
    const float2 scale = __half22float2(*reinterpret_cast<const __half2*>(&pair));
    wgmma::settle(parts);
#pragma unroll
    for (int i = 0; i < N / 2; ++i) {
      totals[0][i] = fmaf(parts[i], i & 2 ? scale.y : scale.x, totals[0][i]);
    }
  };

#pragma unroll
  for (int batch = 0; batch < kBatches; ++batch) {
    const bool begins = batch * kSteps % kGrainSteps == 0;  // a grain
    uint32_t a[kSteps][4];
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      const int step = batch * kSteps + s;
      if (step % 4 == 0) packed = load_shared16(words + step / 4 * 2048);
      if (Zeros == SMQ_ZEROS_POINTS && step % kGrainSteps == 0) {
        biases = ptx::biases(load_shared2(zeros + step / kGrainSteps * w4a16::kTile), T());
      }
      ptx::unpack(a[s], w4a16::word_of(packed, step % 4), biases, T());
    }
    if (batch > 0 && begins) {  // the batch before ended a grain
      wgmma::wait<0>();
      fold();
    }
    if (begins) pair = load_shared4(scales + batch * kSteps / kGrainSteps * w4a16::kTile * 2);
    wgmma::fence();
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      const int step = batch * kSteps + s;
      const uint64_t b = (step < 4 ? first_half : second_half) + step % 4 * wgmma::kStep;
      wgmma::multiply_registers(parts, a[s], b, step % kGrainSteps != 0, T());
    }
    wgmma::commit();
  }
  wgmma::wait<0>();
  fold();
}

}  // namespace smq

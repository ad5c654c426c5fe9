// Weights in units times many rows on Hopper, in one kernel: a block takes 128 rows x 256 outputs. One warp copies
// units and boxes of the rows' inputs into a ring of shared memory; two groups of four warps take weights from
// there into registers, unpack them, and multiply them as wgmma's operand A, weights being the large side. While
// the tensor cores work on one half of a unit, the other is unpacked.
#pragma once

#include "gemm/prompts/prefill_tiles.cuh"
#include "gemm/prompts/prefill_write.cuh"
#include "gemm/stream/units_call.cuh"
#include "gemm/stream/stream_ring.cuh"
#include "gemm/wgmma_128.cuh"

namespace smq {

// Tiles: who computes which.
template <class Tiles>
struct PrefillCall {
  UnitsCall units;
  Tiles tiles;
  int32_t row_tiles, blocks;
};

template <class P>
struct PrefillUnits {
  static constexpr int kRows = 128;         // of a block
  static constexpr int kBox = kRows * 128;  // bytes: 64 inputs of two bytes, or 128 of one
  static constexpr int kConsumers = 2 * kGroupThreads, kThreads = kConsumers + kGroupThreads;
  static constexpr int kStage = P::kInput * kBox + P::kUnit;
  static constexpr int kStages = (kWholeShared - kRingExtra) / kStage < 6 ? (kWholeShared - kRingExtra) / kStage : 6;
  using R = Ring<kStages, P::kInput * kBox, P::kUnit>;
};

// Half a unit's inputs (64, two steps) of both operands.
template <class P>
using HalfUnit = uint32_t[2][2][P::kParts][4];

template <class P>
__device__ __forceinline__ void unpack_half(HalfUnit<P>& a, const typename P::Weights& weights, int half) {
#pragma unroll
  for (int s = 0; s < 2; ++s) {
#pragma unroll
    for (int j = 0; j < 2; ++j) weights(a[s][j], j, half * 2 + s);
  }
}

template <class P>
__device__ __forceinline__ void multiply_half(typename P::Sum (&sums)[2][64], const HalfUnit<P>& a,
                                              uint64_t rows, bool first) {
  wgmma::fence();
#pragma unroll
  for (int s = 0; s < 2; ++s) {
#pragma unroll
    for (int part = 0; part < P::kParts; ++part) {
      const int step = s * P::kParts + part;  // 32 bytes of a row each
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        wgmma::multiply_128(sums[j], a[s][j][part], rows + step * wgmma::kStep, !(first && step == 0),
                            typename P::T());
      }
    }
  }
  wgmma::commit();
}

// A thread has, of every eight rows, two of four neighbouring outputs from `output` on.
template <class P, class T>
__device__ __forceinline__ void write_rows(const UnitsCall& call, const typename P::Sum (&sums)[2][64],
                                           int32_t row_begin, int32_t output) {
  const StreamCall& stream = call.stream;
  if (output >= stream.n) return;
  float4 scale = make_float4(1, 1, 1, 1), offset = make_float4(0, 0, 0, 0);
  if constexpr (P::kScales) scale = *reinterpret_cast<const float4*>(call.scales + output);
  if constexpr (P::kOffsets) offset = *reinterpret_cast<const float4*>(call.offsets + output);
  const PrefillOut out{stream.y, stream.bias, stream.m, stream.n, stream.y_stride, stream.epilogue != SMQ_STORE,
                       stream.epilogue == SMQ_RESIDUAL, stream.wide != 0};
  // A row's scale and sum.
  const auto about = [&](int32_t row) {
    return make_float2(P::kRowScales ? call.x_scales[row] : 1, P::kOffsets ? float(call.x_sums[row]) : 0);
  };
  write_tile<T>(out, row_begin, output, about, [&](int j, int e, float2 row) {
    const auto sum = [&](int i) { return float(sums[i / 2][4 * j + i % 2 * 2 + e]); };
    float4 y;
    if constexpr (P::kOffsets) {
      y = make_float4(fmaf(sum(0), scale.x, -(offset.x * row.y)), fmaf(sum(1), scale.y, -(offset.y * row.y)),
                      fmaf(sum(2), scale.z, -(offset.z * row.y)), fmaf(sum(3), scale.w, -(offset.w * row.y)));
    } else {
      y = make_float4(sum(0) * scale.x, sum(1) * scale.y, sum(2) * scale.z, sum(3) * scale.w);
    }
    if constexpr (P::kRowScales) y.x *= row.x, y.y *= row.x, y.z *= row.x, y.w *= row.x;
    return y;
  });
}

template <class P, class Tiles>
__global__ void __launch_bounds__(PrefillUnits<P>::kThreads, 1)
    prefill_units(const __grid_constant__ CUtensorMap x_map, const PrefillCall<Tiles> call) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using U = PrefillUnits<P>;
  using R = typename U::R;
  extern __shared__ __align__(1024) uint8_t shared[];
  const R ring{ptx::shared_address(shared)};
  // Every lane gives its stage back: one for its warp would do, but no tool could tell.
  if (threadIdx.x == 0) ring.init_whole(U::kConsumers);
  __syncthreads();
  wait_for_previous();
  let_next_start();
  Cursor<R::kStages> at;

  if (threadIdx.x >= U::kConsumers) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Tiles::kCopying));
    if (threadIdx.x > U::kConsumers) return;
    PrefillPiece piece;
    for (typename Tiles::Pieces pieces(call.tiles); pieces.next(piece);) {
      const int32_t row = piece.tile % call.row_tiles * U::kRows;
      const uint8_t* w = static_cast<const uint8_t*>(call.units.stream.w) +
                         (int64_t(piece.tile / call.row_tiles) * call.blocks + piece.begin) * R::kUnit;
      for (int block = piece.begin; block < piece.end; ++block, w += R::kUnit) {
        const uint32_t full = ring.full(at.stage);
        ptx::barrier_wait(ring.empty(at.stage), at.parity ^ 1);
        ptx::barrier_expect(full, R::kRows + R::kUnit);
        for (int box = 0; box < P::kInput; ++box) {
          ptx::box_copy(ring.rows(at.stage) + box * U::kBox, &x_map, (block * P::kInput + box) * 64, row, full);
        }
        ptx::bulk_copy(ring.unit(at.stage), w, R::kUnit, full);
        at.next();
      }
    }
    return;
  }

  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Tiles::kComputing));
  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads;
  // From the first half of a unit's inputs to the second, in the rows' description.
  constexpr uint64_t kSecondHalf = (P::kInput == 1 ? 64 : U::kBox) >> 4;
  int held = -1;  // the stage that the tensor cores may still read
  const auto release = [&] {
    if (held >= 0) ptx::barrier_arrive(ring.empty(held));
  };
  PrefillPiece piece;
  for (typename Tiles::Pieces pieces(call.tiles); pieces.next(piece);) {
    typename P::Sum sums[2][64];
    HalfUnit<P> first_half, second_half;
#pragma unroll 1
    for (int block = piece.begin; block < piece.end; ++block) {
      ptx::barrier_wait(ring.full(at.stage), at.parity);
      const typename P::Weights weights(shared + (ring.unit(at.stage) - ring.base), group, thread);
      const uint64_t rows = wgmma::describe(ring.rows(at.stage));
      unpack_half<P>(first_half, weights, 0);
      multiply_half<P>(sums, first_half, rows, block == piece.begin);
      wgmma::wait<1>();  // the half before: its registers and its stage are free
      release();
      held = at.stage;
      unpack_half<P>(second_half, weights, 1);
      multiply_half<P>(sums, second_half, rows + kSecondHalf, false);
      wgmma::wait<1>();
      at.next();
    }
    wgmma::wait<0>();
    wgmma::settle(sums[0]);
    wgmma::settle(sums[1]);
    release();
    held = -1;
    if (!call.tiles.join(piece, sums, {shared, ring.base, ring.told()})) continue;
    const int32_t row = piece.tile % call.row_tiles * U::kRows;
    const int32_t output =
        piece.tile / call.row_tiles * units::kTile + group * 128 + thread / 32 * 32 + thread % 32 / 4 * 4;
    if (call.units.dtype == SMQ_F16) {
      write_rows<P, __half>(call.units, sums, row, output);
    } else {
      write_rows<P, __nv_bfloat16>(call.units, sums, row, output);
    }
  }
#endif
}

}  // namespace smq

// The dense product of many rows on Hopper: a block takes 128 rows x 256 outputs. One thread has the copy engine bring boxes of
// weights and of the rows' inputs into a ring of shared memory; two groups of four warps multiply them by wgmma, 64 rows
// each, both operands from there. Instructions as wide as they can be: shared memory has just the bandwidth for that.
#include "gemm/prompts/prefill.cuh"
#include "gemm/prompts/prefill_tiles.cuh"
#include "gemm/prompts/prefill_write.cuh"
#include "gemm/ptx.cuh"
#include "gemm/stream/stream.cuh"
#include "gemm/stream/stream_ring.cuh"
#include "gemm/wgmma_256.cuh"
#include "ops/elements.cuh"

namespace smq {
namespace prefill_dense {  // named: where the kernel has no code, its helpers are not used

constexpr int kRows = 128, kOutputs = 256, kInputs = 64;  // of a block, and of a step
constexpr int kGroups = 2;                                // of four warps: half of the rows each
constexpr int kThreads = (kGroups + 1) * 128;
using R = Ring<4, kRows * kInputs * 2, kOutputs * kInputs * 2>;
static_assert(R::kBytes <= kWholeShared, "a block has no more shared memory");

// In steps of 0.9 us. Tiles of the same weights whose parts are computed at other times read these from memory again: they
// are spread where there is one alone.
constexpr SharingCosts kCosts{kNever, 8}, kCostsAlone{10, 8};

struct Call {
  PrefillOut out;  // always in vectors: dense_fits_hopper refuses what cannot be
  int32_t row_tiles;
};

template <class T>
__device__ __forceinline__ void multiply_step(float (&sums)[2][64], uint64_t rows, uint64_t weights) {
  wgmma::fence();
#pragma unroll
  for (int s = 0; s < kInputs / 16; ++s) {
    wgmma::multiply_256(sums, rows + s * wgmma::kStep, weights + s * wgmma::kStep, T());
  }
  wgmma::commit();
}

// Rows are operand A here. A thread has, of a warp's rows g and g + 8, outputs 8 j + 2 t and the next one: with its
// neighbour's four, of every other j.
template <class T>
__device__ __forceinline__ void write_rows(const PrefillOut& out, const float (&sums)[2][64], int32_t row_begin,
                                           int32_t output_begin) {
  const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  const bool odd = t % 2;
  const int64_t stride = out.y_stride;
  const int32_t row = row_begin + g, first = output_begin + 8 * odd + 2 * (t - odd);
  constexpr int kAtOnce = 4;  // whose old sums are loaded together: behind a store each costs a latency
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const bool held = row + 8 * h < out.m;
    const int64_t at = (row + 8 * h) * stride;
#pragma unroll
    for (int from = 0; from < 32; from += 2 * kAtOnce) {
      float4 four[kAtOnce], old[kAtOnce] = {};
#pragma unroll
      for (int i = 0; i < kAtOnce; ++i) {
        const int j = from + 2 * i;
        const float *const low = &sums[j / 16][j % 16 * 4 + 2 * h], *const high = &sums[j / 16][j % 16 * 4 + 4 + 2 * h];
        const float x = __shfl_xor_sync(~0u, odd ? low[0] : high[0], 1), y = __shfl_xor_sync(~0u, odd ? low[1] : high[1], 1);
        four[i] = odd ? make_float4(x, y, high[0], high[1]) : make_float4(low[0], low[1], x, y);
      }
      const auto each = [&](auto body) {
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i) {
          const int32_t output = first + 8 * (from + 2 * i);
          if (held && output < out.n) body(i, output);
        }
      };
      if (out.bias) {
        each([&](int i, int32_t output) {
          const auto bias = load<T, 4>(static_cast<const T*>(out.bias) + output);
          four[i].x += widen(bias.e[0]), four[i].y += widen(bias.e[1]);
          four[i].z += widen(bias.e[2]), four[i].w += widen(bias.e[3]);
        });
      }
      if (out.wide) {
        float* const y = static_cast<float*>(out.y) + at;
        if (out.add) each([&](int i, int32_t output) { old[i] = *reinterpret_cast<const float4*>(y + output); });
        each([&](int i, int32_t output) {
          *reinterpret_cast<float4*>(y + output) = make_float4(old[i].x + four[i].x, old[i].y + four[i].y,
                                                               old[i].z + four[i].z, old[i].w + four[i].w);
        });
      } else {
        each([&](int i, int32_t output) {
          Pack<T, 4> pack;
          pack.e[0] = narrow<T>(four[i].x), pack.e[1] = narrow<T>(four[i].y);
          pack.e[2] = narrow<T>(four[i].z), pack.e[3] = narrow<T>(four[i].w);
          store(static_cast<T*>(out.y) + at + output, pack);
        });
      }
    }
  }
}

// Tiles: who computes which.
template <class T, class Tiles>
__global__ void __launch_bounds__(kThreads, 1)
    multiply_dense(const __grid_constant__ CUtensorMap x_map, const __grid_constant__ CUtensorMap w_map, const Call call,
                   const Tiles tiles) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ __align__(1024) uint8_t shared[];
  const R ring{ptx::shared_address(shared)};
  // One lane of a warp gives a stage back: the tensor cores have read it, and no lane has.
  if (threadIdx.x == 0) ring.init_whole(kGroups * 4);
  __syncthreads();
  wait_for_previous();
  let_next_start();
  const int group = threadIdx.x / 128, thread = threadIdx.x % 128;
  Cursor<R::kStages> at;

  if (group == kGroups) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Tiles::kCopying));
    if (thread > 0) return;
    PrefillPiece piece;
    for (typename Tiles::Pieces pieces(tiles); pieces.next(piece);) {
      const int32_t row = piece.tile % call.row_tiles * kRows, output = piece.tile / call.row_tiles * kOutputs;
      for (int step = piece.begin; step < piece.end; ++step) {
        const uint32_t full = ring.full(at.stage);
        ptx::barrier_wait(ring.empty(at.stage), at.parity ^ 1);
        ptx::barrier_expect(full, R::kRows + R::kUnit);
        ptx::box_copy(ring.rows(at.stage), &x_map, step * kInputs, row, full);
        ptx::box_copy(ring.unit(at.stage), &w_map, step * kInputs, output, full);
        at.next();
      }
    }
    return;
  }

  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Tiles::kComputing));
  int held = -1;  // the stage that the tensor cores may still read
  const auto release = [&] {
    if (held >= 0 && thread % 32 == 0) ptx::barrier_arrive(ring.empty(held));
  };
  PrefillPiece piece;
  for (typename Tiles::Pieces pieces(tiles); pieces.next(piece);) {
    float sums[2][64] = {};
#pragma unroll 1
    for (int step = piece.begin; step < piece.end; ++step) {
      ptx::barrier_wait(ring.full(at.stage), at.parity);
      multiply_step<T>(sums, wgmma::describe(ring.rows(at.stage) + group * R::kRows / kGroups),
                       wgmma::describe(ring.unit(at.stage)));
      wgmma::wait<1>();  // the stage before is free
      release();
      held = at.stage;
      at.next();
    }
    wgmma::wait<0>();
    wgmma::settle(sums[0]);
    wgmma::settle(sums[1]);
    release();
    held = -1;
    const PrefillInbox inbox{shared, ring.base, ring.told()};
    const auto write = [&] {
      write_rows<T>(call.out, sums, piece.tile % call.row_tiles * kRows + group * 64 + thread / 32 * 16,
                    piece.tile / call.row_tiles * kOutputs);
    };
    if (tiles.is_last(piece)) {  // apart: where groups go different ways, no multiplication may follow
      if (tiles.join(piece, sums, inbox)) write();
      return;
    }
    if (tiles.join(piece, sums, inbox)) write();
  }
#endif
}

template <class T>
int32_t run(smq_context* ctx, const DenseArgs& args) {
  CUtensorMap x_map, w_map;
  if (!map_rows(&x_map, args.x, args.m, args.k, kRows, args.x_stride) ||
      !map_rows(&w_map, args.w, args.n, args.k, kOutputs, args.w_stride)) {
    return fail(SMQ_DEVICE, "the driver cannot describe a product of %d rows, %d outputs and %d inputs", args.m, args.n,
                args.k);
  }
  const Call call{{args.y, args.bias, args.m, args.n, args.y_stride, args.wide, args.add, true},
                  (args.m + kRows - 1) / kRows};
  const int32_t tiles = call.row_tiles * ((args.n + kOutputs - 1) / kOutputs), steps = (args.k + kInputs - 1) / kInputs;
  const int64_t used = args.made ? int64_t(ctx->scratch_bytes) : 0;
  share_tiles<true>(ctx, tiles, steps, used, call.row_tiles == 1 ? kCostsAlone : kCosts, [&](auto tiles, unsigned blocks) {
    using Tiles = decltype(tiles);
    launch_clusters(ctx, Tiles::kCluster, multiply_dense<T, Tiles>, dim3(blocks), dim3(kThreads), R::kBytes, x_map, w_map,
                    call, tiles);
  });
  return launched(ctx, "gemm");
}

}  // namespace prefill_dense

bool dense_fits_hopper(const DenseArgs& args) {
  const auto aligned = [](const void* p) { return reinterpret_cast<uint64_t>(p) % 16 == 0; };
  return args.k % 8 == 0 && args.x_stride % 8 == 0 && args.w_stride % 8 == 0 && args.n % 4 == 0 &&
         args.y_stride % 4 == 0 && aligned(args.x) && aligned(args.w) && aligned(args.y) &&
         reinterpret_cast<uint64_t>(args.bias) % 8 == 0;
}

int32_t dense_hopper(smq_context* ctx, const DenseArgs& args) {
  return args.dtype == SMQ_F16 ? prefill_dense::run<__half>(ctx, args) : prefill_dense::run<__nv_bfloat16>(ctx, args);
}

}  // namespace smq

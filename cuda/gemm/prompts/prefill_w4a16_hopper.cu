// Four-bit weights times many f16 rows on Hopper, in one kernel: a block takes 128 rows x 256 outputs. One
// warp copies units of weights (w4a16_layout.cuh) and boxes of the rows' inputs into a ring of shared
// memory; two groups of four warps unpack weights into registers, scale them there, and multiply them as
// wgmma's operand A, weights being the large side. Arithmetic: a step of 16 inputs keeps the tensor cores
// busy for 256 cycles a multiprocessor, unpacking it takes 64 issue slots of 256 a scheduler, beside them;
// so dequantization hides: 650 to 700 TFLOP/s measured at 1024 rows of 70B and 8B shapes, no less than a dense
// f16 product; writing wide weights to memory first (prefill_w4a16.cu) reached 450.
#include <type_traits>

#include "gemm/prompts/prefill.cuh"
#include "gemm/prompts/prefill_tiles.cuh"
#include "gemm/prompts/prefill_write.cuh"
#include "gemm/ptx.cuh"
#include "gemm/stream/stream.cuh"
#include "gemm/weights/w4a16_offsets.cuh"
#include "gemm/wgmma_128.cuh"

namespace smq {
namespace prefill_w4a16 {  // named: where the kernel has no code, its helpers are not used

constexpr int kRows = 128;     // of a block
constexpr int kGroups = 2;     // of four warps: half a unit's outputs each
constexpr int kThreads = (kGroups + 1) * 128;
constexpr int kStages = 4;
constexpr int kBox = kRows * 128;  // bytes of 64 inputs of the rows
// In steps of 1.4 us.
constexpr SharingCosts kCosts{5, 4};

// A stage has room for a unit with 16 inputs a group, or 32 with offsets.
template <int Zeros>
constexpr int kStage = 2 * kBox + w4a16::unit_bytes(Zeros == SMQ_ZEROS_OFFSETS ? 32 : 16, Zeros);
template <int Zeros>
constexpr int kShared = kStages * kStage<Zeros> + (2 * kStages + 1) * 8 + 1024;
static_assert(kStage<SMQ_ZEROS_POINTS> % 1024 == 0 && kStage<SMQ_ZEROS_OFFSETS> % 1024 == 0,
              "the copy engine's swizzle repeats each 1024 bytes");
static_assert(kShared<SMQ_ZEROS_POINTS> <= 232448, "a block has no more shared memory");

struct Call {
  const uint8_t* w;
  PrefillOut out;
  int32_t row_tiles, blocks, unit_bytes, grain_shift;
};

// Half a unit's inputs (64) for a thread's four outputs, as operands: a[step][operand].
template <int Zeros>
__device__ __forceinline__ void unpack_half(uint32_t (&a)[4][2][4], const uint8_t* unit, int half,
                                            int group, int thread, int grain_shift) {
  uint4 packed[2];
#pragma unroll
  for (int o = 0; o < 2; ++o) {
    packed[o] = *reinterpret_cast<const uint4*>(
        unit + (((group * 2 + o) * 2 + half) * 128 + thread) * 16);
  }
  const uint8_t* const scales = unit + w4a16::kNibbleBytes +
                                (group * 128 + thread / 32 * 32 + thread % 32 / 4 * 4) * 2;
  const uint8_t* const zeros = unit + w4a16::kNibbleBytes + (w4a16::kBlock >> grain_shift) * w4a16::kTile * 2 +
                               group * 128 + thread / 32 * 32 + thread % 32 / 4 * 4;
  const uint8_t* const pairs = unit + w4a16::kNibbleBytes +
                               (group * 128 + thread / 32 * 32 + thread % 32 / 4 * 4) * 4;
#pragma unroll
  for (int s = 0; s < 4; ++s) {
    const int row = (half * 64 + s * 16) >> grain_shift;
    if constexpr (Zeros == SMQ_ZEROS_OFFSETS) {
      const uint4 four = *reinterpret_cast<const uint4*>(pairs + row * w4a16::kTile * 4);
      const Affine<__half> by[2] = {Affine<__half>(make_uint2(four.x, four.y)),
                                    Affine<__half>(make_uint2(four.z, four.w))};
#pragma unroll
      for (int o = 0; o < 2; ++o) {
        unpack_nibbles(a[s][o], w4a16::word_of(packed[o], s));
#pragma unroll
        for (int i = 0; i < 4; ++i) a[s][o][i] = by[o].weights(a[s][o][i], i);
      }
      continue;
    }
    const uint2 four = *reinterpret_cast<const uint2*>(scales + row * w4a16::kTile * 2);
#pragma unroll
    for (int o = 0; o < 2; ++o) {
      const uint32_t word = s == 0   ? packed[o].x
                            : s == 1 ? packed[o].y
                            : s == 2 ? packed[o].z
                                     : packed[o].w;
      if constexpr (Zeros == SMQ_ZEROS_POINTS) {
        const uint32_t two = *reinterpret_cast<const uint16_t*>(zeros + row * w4a16::kTile + 2 * o);
        ptx::unpack(a[s][o], word, ptx::biases(two, __half()), __half());
      } else {
        ptx::unpack(a[s][o], word, __half());
      }
      const uint32_t pair = o == 0 ? four.x : four.y;
      const uint32_t scale[2] = {__byte_perm(pair, pair, 0x1010), __byte_perm(pair, pair, 0x3232)};
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(a[s][o][i]) : "r"(a[s][o][i]), "r"(scale[i % 2]));
      }
    }
  }
}

__device__ __forceinline__ void multiply_half(float (&sums)[2][64], const uint32_t (&a)[4][2][4],
                                              uint64_t rows, bool first) {
  wgmma::fence();
#pragma unroll
  for (int s = 0; s < 4; ++s) {
#pragma unroll
    for (int o = 0; o < 2; ++o) {
      wgmma::multiply_128(sums[o], a[s][o], rows + s * wgmma::kStep, !(first && s == 0), __half());
    }
  }
  wgmma::commit();
}

// Tiles: who computes which.
template <int Zeros, class Tiles>
__global__ void __launch_bounds__(kThreads, 1)
    multiply_rows(const __grid_constant__ CUtensorMap x_map, const Call call, const Tiles tiles) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  extern __shared__ uint8_t raw[];
  uint8_t* const shared = raw + (1024 - ptx::shared_address(raw) % 1024) % 1024;
  const uint32_t base = ptx::shared_address(shared);
  const uint32_t full = base + kStages * kStage<Zeros>, empty = full + kStages * 8, told = empty + kStages * 8;
  if (threadIdx.x == 0) {
    for (int s = 0; s < kStages; ++s) {
      ptx::barrier_init(full + 8 * s, 1);
      ptx::barrier_init(empty + 8 * s, kGroups * 128);
    }
    ptx::barrier_init(told, 1);
    ptx::barrier_init_fence();
  }
  __syncthreads();
  wait_for_previous();
  let_next_start();
  const int group = threadIdx.x / 128, thread = threadIdx.x % 128;
  int stage = 0, parity = 0;
  const auto next = [&] {
    if (++stage == kStages) {
      stage = 0;
      parity ^= 1;
    }
  };

  if (group == kGroups) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Tiles::kCopying));
    if (thread > 0) return;
    PrefillPiece piece;
    for (typename Tiles::Pieces pieces(tiles); pieces.next(piece);) {
      const int32_t row = piece.tile % call.row_tiles * kRows;
      const uint8_t* w =
          call.w + (int64_t(piece.tile / call.row_tiles) * call.blocks + piece.begin) * call.unit_bytes;
      for (int block = piece.begin; block < piece.end; ++block, w += call.unit_bytes) {
        ptx::barrier_wait(empty + 8 * stage, parity ^ 1);
        const uint32_t to = base + stage * kStage<Zeros>, barrier = full + 8 * stage;
        ptx::barrier_expect(barrier, 2 * kBox + call.unit_bytes);
        ptx::box_copy(to, &x_map, block * w4a16::kBlock, row, barrier);
        ptx::box_copy(to + kBox, &x_map, block * w4a16::kBlock + 64, row, barrier);
        ptx::bulk_copy(to + 2 * kBox, w, call.unit_bytes, barrier);
        next();
      }
    }
    return;
  }

  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Tiles::kComputing));
  int held = -1;  // the stage that the tensor cores may still read
  // Every lane gives its stage back: one for its warp would do, but no tool could tell.
  const auto release = [&] {
    if (held >= 0) ptx::barrier_arrive(empty + 8 * held);
  };
  PrefillPiece piece;
  for (typename Tiles::Pieces pieces(tiles); pieces.next(piece);) {
    float sums[2][64];
    uint32_t first_half[4][2][4], second_half[4][2][4];
#pragma unroll 1
    for (int block = piece.begin; block < piece.end; ++block) {
      ptx::barrier_wait(full + 8 * stage, parity);
      const uint8_t* const unit = shared + stage * kStage<Zeros> + 2 * kBox;
      const uint64_t rows = wgmma::describe(base + stage * kStage<Zeros>);
      unpack_half<Zeros>(first_half, unit, 0, group, thread, call.grain_shift);
      multiply_half(sums, first_half, rows, block == piece.begin);
      wgmma::wait<1>();  // the half before: its registers and its stage are free
      release();
      held = stage;
      unpack_half<Zeros>(second_half, unit, 1, group, thread, call.grain_shift);
      multiply_half(sums, second_half, rows + (kBox >> 4), false);
      wgmma::wait<1>();
      next();
    }
    wgmma::wait<0>();
    wgmma::settle(sums[0]);
    wgmma::settle(sums[1]);
    release();
    held = -1;
    const PrefillInbox inbox{shared, base, told};
    const auto write = [&] {
      const int32_t output =
          piece.tile / call.row_tiles * w4a16::kTile + group * 128 + thread / 32 * 32 + thread % 32 / 4 * 4;
      const auto nothing = [](int32_t) { return NoRow(); };
      write_tile<__half>(call.out, piece.tile % call.row_tiles * kRows, output, nothing, [&](int j, int e, NoRow) {
        const float *const low = &sums[0][4 * j + e], *const high = &sums[1][4 * j + e];
        return make_float4(low[0], low[2], high[0], high[2]);
      });
    };
    if (tiles.is_last(piece)) {  // apart: where groups go different ways, no multiplication may follow
      if (tiles.join(piece, sums, inbox)) write();
      return;
    }
    if (tiles.join(piece, sums, inbox)) write();
  }
#endif
}

}  // namespace prefill_w4a16

bool w4a16_fits_hopper(const GemmArgs& args) {
  return args.dtype == SMQ_F16 && args.x % 16 == 0 && args.w % 16 == 0 && args.k % 8 == 0 &&
         w4a16::grain(args.k, args.group, args.zeros) >= 16;
}

int32_t prefill_w4a16_on_hopper(smq_context* ctx, const GemmArgs& args) {
  using namespace prefill_w4a16;
  const w4a16::Layout layout(args.n, args.k, args.group, args.zeros);
  CUtensorMap x_map;
  if (!map_rows(&x_map, at<void>(args.x), args.m, args.k, kRows)) {
    return fail(SMQ_DEVICE, "the driver cannot describe %d rows of %d inputs", args.m, args.k);
  }
  Call call{};
  call.w = at<const uint8_t>(args.w);
  call.out.y = at<void>(args.y);
  call.out.bias = at<const void>(args.bias);
  call.out.m = args.m;
  call.out.n = args.n;
  call.out.y_stride = args.y_stride;
  call.out.wide = args.epilogue != SMQ_STORE;
  call.out.add = args.epilogue == SMQ_RESIDUAL;
  call.out.vectors = args.y_stride % 4 == 0 && args.y % (call.out.wide ? 16 : 8) == 0;
  call.row_tiles = (args.m + kRows - 1) / kRows;
  call.blocks = layout.blocks;
  call.unit_bytes = layout.unit_bytes;
  while (1 << call.grain_shift < layout.grain) ++call.grain_shift;
  const auto run = [&](auto zeros) {
    constexpr int kZeros = decltype(zeros)::value;
    share_tiles<true>(ctx, call.row_tiles * layout.tiles, layout.blocks, 0, kCosts, [&](auto tiles, unsigned blocks) {
      using Tiles = decltype(tiles);
      launch_clusters(ctx, Tiles::kCluster, multiply_rows<kZeros, Tiles>, dim3(blocks), dim3(kThreads), kShared<kZeros>,
                      x_map, call, tiles);
    });
  };
  // The table of instantiations.
  switch (layout.zeros) {
    case SMQ_ZEROS_NONE: run(std::integral_constant<int, SMQ_ZEROS_NONE>()); break;
    case SMQ_ZEROS_POINTS: run(std::integral_constant<int, SMQ_ZEROS_POINTS>()); break;
    default: run(std::integral_constant<int, SMQ_ZEROS_OFFSETS>());
  }
  return launched(ctx, "gemm_w4a16");
}

}  // namespace smq

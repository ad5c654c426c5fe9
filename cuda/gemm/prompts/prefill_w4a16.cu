// Four-bit weights times many rows, and the way for what prefill_w4a16_hopper.cu does not take (other
// architectures, bf16, odd groups): a slice of the weight is widened into scratch memory, then multiplied
// as a dense product. Measured at 1024 f16 rows of 70B shapes: 450 TFLOP/s of the dense product's 715, where
// widening in registers reaches 650 to 700.
#include <algorithm>

#include "gemm/prompts/prefill.cuh"
#include "gemm/weights/w4a16_layout.cuh"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace smq {
namespace {

constexpr int kThreads = 256;
constexpr int kItems = w4a16::kNibbleBytes / 16;  // 16 bytes of nibbles: 32 weights

struct WidenCall {
  const uint8_t* w;
  uint16_t* out;
  int32_t first_tile, first_block;
  int32_t rows, columns;  // of the slice; out: [rows, columns]
};

// What makes a weight (q - z) s + o of an element.
struct Of {
  int zero;
  __half scale, offset;
};

// The neighbouring inputs at nibbles i and i + 4 of a word, as two of T.
__device__ __forceinline__ uint32_t widen_pair(uint32_t word, int i, const Of& of, __half) {
  const uint32_t biased = word >> (4 * i) & 0x000f000fu | 0x64006400u;  // 1024 + q
  const __half2 q =
      __hsub2(reinterpret_cast<const __half2&>(biased), __float2half2_rn(float(1024 + of.zero)));
  const __half2 weights = __hfma2(q, __half2half2(of.scale), __half2half2(of.offset));
  return reinterpret_cast<const uint32_t&>(weights);
}

__device__ __forceinline__ uint32_t widen_pair(uint32_t word, int i, const Of& of, __nv_bfloat16) {
  const float s = __half2float(of.scale), o = __half2float(of.offset);
  const float low = fmaf(float(int(word >> (4 * i) & 15) - of.zero), s, o);
  const float high = fmaf(float(int(word >> (4 * i + 16) & 15) - of.zero), s, o);
  const __nv_bfloat162 weights = __floats2bfloat162_rn(low, high);
  return reinterpret_cast<const uint32_t&>(weights);
}

// A block widens one unit. The four lanes of a quad hold four steps of 16 inputs of the same two outputs,
// two inputs in eight each: they exchange words, so that each has one step whole.
template <class T>
__global__ void __launch_bounds__(kThreads) widen(WidenCall call, w4a16::Layout layout) {
  const uint8_t* const unit =
      call.w + (int64_t(call.first_tile + blockIdx.y) * layout.blocks + call.first_block +
                blockIdx.x) * layout.unit_bytes;
  uint4 held[kItems / kThreads];
#pragma unroll
  for (int i = 0; i < kItems / kThreads; ++i) {
    held[i] = reinterpret_cast<const uint4*>(unit)[threadIdx.x + i * kThreads];
  }
  wait_for_previous();
  const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
#pragma unroll
  for (int i = 0; i < kItems / kThreads; ++i) {
    const int item = threadIdx.x + i * kThreads;
    const int warp = item / 32 % 4, part = item / 128;  // part: (half * 2 + operand) * 2 + step / 4
    const int output = part / 4 * 128 + warp * 32 + 4 * g + part / 2 % 2 * 2;
    const int input = part % 2 * 64 + 16 * t;
    const uint32_t words[4] = {held[i].x, held[i].y, held[i].z, held[i].w};
    uint32_t mine[4];
#pragma unroll
    for (int other = 0; other < 4; ++other) {
      // Lane t ^ other sends its word of step t.
      const int step = t ^ other;
      const uint32_t sent = step == 0 ? words[0] : step == 1 ? words[1] : step == 2 ? words[2] : words[3];
      const uint32_t got = __shfl_xor_sync(~0u, sent, other);
#pragma unroll
      for (int from = 0; from < 4; ++from) {
        if ((t ^ other) == from) mine[from] = got;
      }
    }
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const int32_t row = blockIdx.y * w4a16::kTile + output + r;
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int32_t column = blockIdx.x * w4a16::kBlock + input + 8 * h;
        if (row >= call.rows || column >= call.columns) continue;
        const int32_t stored = call.first_tile * w4a16::kTile + row;
        const int32_t from = call.first_block * w4a16::kBlock + column;
        const __half* const scale = reinterpret_cast<const __half*>(call.w + layout.scale(stored, from));
        Of of{8, *scale, __half(0.0f)};
        if (layout.zeros == SMQ_ZEROS_POINTS) of.zero = call.w[layout.zero(stored, from)];
        if (layout.zeros == SMQ_ZEROS_OFFSETS) of.zero = 0, of.offset = scale[1];
        uint4 weights;
        weights.x = widen_pair(mine[0], r + 2 * h, of, T());
        weights.y = widen_pair(mine[1], r + 2 * h, of, T());
        weights.z = widen_pair(mine[2], r + 2 * h, of, T());
        weights.w = widen_pair(mine[3], r + 2 * h, of, T());
        *reinterpret_cast<uint4*>(call.out + int64_t(row) * call.columns + column) = weights;
      }
    }
  }
}

// How a weight is cut: columns only where parts of a sum can be added up in f32.
struct Slices {
  int32_t rows, columns;

  Slices(const smq_context* ctx, const GemmArgs& args) {
    // As many outputs as give every multiprocessor one tile of 128 rows x 256 outputs, or twice.
    constexpr int32_t kTileRows = 128;
    const int32_t row_tiles = (args.m + kTileRows - 1) / kTileRows;
    const int32_t fill = std::max(1, ctx->sms / row_tiles) * w4a16::kTile;
    const int64_t room = int64_t(ctx->scratch_bytes) / 2;
    columns = args.k;
    if (args.epilogue != SMQ_STORE && int64_t(fill) * columns > room) {
      const int64_t most = std::max<int64_t>(room / fill / w4a16::kBlock, 16) * w4a16::kBlock;
      const int32_t parts = int32_t((args.k + most - 1) / most);
      columns = ((args.k + parts - 1) / parts + w4a16::kBlock - 1) / w4a16::kBlock * w4a16::kBlock;
    }
    const int32_t most_rows =
        int32_t(std::min<int64_t>(room / columns, 1 << 24)) / w4a16::kTile * w4a16::kTile;
    rows = most_rows >= fill ? most_rows / fill * fill : most_rows;
  }
};

template <class T>
void launch_widen(smq_context* ctx, const WidenCall& call, const w4a16::Layout& layout) {
  const dim3 grid((call.columns + w4a16::kBlock - 1) / w4a16::kBlock,
                  (call.rows + w4a16::kTile - 1) / w4a16::kTile);
  launch(ctx, widen<T>, grid, dim3(kThreads), 0, call, layout);
}

}  // namespace

int32_t smq_prefill_w4a16(smq_context* ctx, const GemmArgs& args) {
  if (ctx->capability == 90 && w4a16_fits_hopper(args)) return prefill_w4a16_on_hopper(ctx, args);
  const w4a16::Layout layout(args.n, args.k, args.group, args.zeros);
  const Slices slices(ctx, args);
  if (slices.rows < w4a16::kTile) {
    return fail(SMQ_LIMIT, "k is %d with %d rows, expected at most %d", args.k, args.m,
                int(ctx->scratch_bytes / 2 / w4a16::kTile));
  }
  const int64_t y_bytes = args.epilogue == SMQ_STORE ? 2 : 4;
  for (int32_t row = 0; row < args.n; row += slices.rows) {
    for (int32_t column = 0; column < args.k; column += slices.columns) {
      WidenCall call{};
      call.w = at<const uint8_t>(args.w);
      call.out = static_cast<uint16_t*>(ctx->scratch);
      call.first_tile = row / w4a16::kTile;
      call.first_block = column / w4a16::kBlock;
      call.rows = std::min(slices.rows, args.n - row);
      call.columns = std::min(slices.columns, args.k - column);
      if (args.dtype == SMQ_F16) {
        launch_widen<__half>(ctx, call, layout);
      } else {
        launch_widen<__nv_bfloat16>(ctx, call, layout);
      }
      if (const int32_t status = launched(ctx, "gemm_w4a16")) return status;
      DenseArgs part{};
      part.y = at<uint8_t>(args.y) + row * y_bytes;
      part.x = at<const uint16_t>(args.x) + column;
      part.w = call.out;
      part.bias = args.bias && column == 0 ? at<const uint16_t>(args.bias) + row : nullptr;
      part.m = args.m;
      part.n = call.rows;
      part.k = call.columns;
      part.x_stride = args.k;
      part.w_stride = call.columns;
      part.y_stride = args.y_stride;
      part.wide = args.epilogue != SMQ_STORE;
      part.add = args.epilogue == SMQ_RESIDUAL || column > 0;
      part.dtype = args.dtype;
      part.made = true;
      if (const int32_t status = dense(ctx, part)) return status;
    }
  }
  return SMQ_OK;
}

}  // namespace smq

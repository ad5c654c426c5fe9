// Products of 1 to 64 rows: how a weight is shared among the multiprocessors, and which kernel runs.
#include "gemm/stream/stream.cuh"

#include <algorithm>
#include <type_traits>

#include "gemm/weights/w4a16_layout.cuh"

namespace smq {
namespace {

using EncodeTiled = decltype(&cuTensorMapEncodeTiled);

// From the driver, so that the library links against none.
EncodeTiled encode_tiled() {
  static const EncodeTiled function = [] {
    void* entry = nullptr;
    cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
    const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000,
                                                               cudaEnableDefault, &found);
    return error == cudaSuccess && found == cudaDriverEntryPointSuccess
               ? reinterpret_cast<EncodeTiled>(entry)
               : nullptr;
  }();
  return function;
}

// What a multiprocessor asks for ahead, in microseconds of its share of the memory (docs/adr/0020): while kernels
// before it run about what the memory's latency hides, since these wait in the same queue; behind them more. Weights
// of 16 bits are long to read, so that more of them before pays. Of more than 16 rows four-bit units are computed no
// quicker than fewer bring them, and the first ones of blocks that start late stand behind the rest (docs/adr/0063).
constexpr double kBefore = 0.55, kBeforeF16 = 0.9, kBehind = 1.76, kBehindMany = 0.9;

int32_t paced_units(const smq_context* ctx, double microseconds, int unit_bytes) {
  return std::max(1, int32_t(ctx->bytes_a_microsecond * microseconds / unit_bytes + 0.5));
}

// A weight is shared by all multiprocessors, or as many as have whole tiles, the same number each, where none of them
// then has more than a twenty-fifth more to do. Nobody leaves parts, and no kernel adds them.
Split split_of(int32_t tiles, int32_t blocks, int32_t sms) {
  const int32_t units = tiles * blocks, each = (tiles + sms - 1) / sms, most = (units + sms - 1) / sms;
  const int32_t whole = each * blocks;
  const bool wholly = tiles % each == 0 && (whole - most) * 25 <= whole;
  return Split(tiles, blocks, wholly ? tiles / each : std::min(sms, units));
}

bool is_aligned(uint64_t address, uint64_t bytes) { return address % bytes == 0; }

}  // namespace

StreamCall stream_call(smq_context* ctx, const GemmArgs& args, int tile, int block, int unit_bytes) {
  StreamCall call{};
  call.w = at<void>(args.w);
  call.x = at<void>(args.x);
  call.y = at<void>(args.y);
  call.bias = at<void>(args.bias);
  call.partials = static_cast<float4*>(ctx->scratch);
  call.split = split_of((args.n + tile - 1) / tile, (args.k + block - 1) / block, ctx->sms);
  call.pace = {paced_units(ctx, kBefore, unit_bytes), paced_units(ctx, kBehind, unit_bytes)};
  call.m = args.m;
  call.n = args.n;
  call.k = args.k;
  call.y_stride = args.y_stride;
  call.epilogue = args.epilogue;
  call.wide = args.y_stride % 4 == 0 && is_aligned(args.y, args.epilogue == SMQ_STORE ? 8 : 16);
  call.aligned = args.k % 8 == 0 && is_aligned(args.x, 16);
  if (args.group == 0) call.aligned = call.aligned && is_aligned(args.w, 16);
  return call;
}

bool map_rows(CUtensorMap* map, const void* matrix, int32_t rows, int32_t columns, int32_t box_rows) {
  return map_rows(map, matrix, rows, columns, box_rows, columns);
}

bool map_rows(CUtensorMap* map, const void* matrix, int32_t rows, int32_t columns, int32_t box_rows, int32_t stride) {
  const cuuint64_t sizes[2] = {cuuint64_t(columns), cuuint64_t(rows)};
  const cuuint64_t strides[1] = {cuuint64_t(stride) * 2};
  const cuuint32_t box[2] = {64, cuuint32_t(box_rows)};
  const cuuint32_t steps[2] = {1, 1};
  const EncodeTiled encode = encode_tiled();
  // Bits are copied as they are, so f16 serves for bf16 too.
  return encode != nullptr &&
         encode(map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, 2, const_cast<void*>(matrix), sizes, strides, box,
                steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

int32_t stream_w4a16(smq_context* ctx, const GemmArgs& args) {
  const int grain = w4a16::grain(args.k, args.group, args.zeros), unit = w4a16::unit_bytes(grain, args.zeros);
  StreamCall call = stream_call(ctx, args, w4a16::kTile, w4a16::kBlock, unit);
  if (args.m > 16) call.pace.behind = paced_units(ctx, kBehindMany, unit);
  // Groups that are no multiple of 32 and unaligned rows are rare: one kernel serves them everywhere.
  const bool hopper = ctx->capability == 90 && grain >= 32 && call.aligned;
  const auto run = [&](auto zeros) {
    constexpr int kZeros = decltype(zeros)::value;
    return hopper ? w4a16_on_hopper<kZeros>(ctx, call, grain, args.dtype)
                  : w4a16_on_ampere<kZeros>(ctx, call, grain, args.dtype);
  };
  switch (args.zeros) {
    case SMQ_ZEROS_NONE: return run(std::integral_constant<int, SMQ_ZEROS_NONE>());
    case SMQ_ZEROS_POINTS: return run(std::integral_constant<int, SMQ_ZEROS_POINTS>());
    default: return run(std::integral_constant<int, SMQ_ZEROS_OFFSETS>());
  }
}

int32_t stream_f16(smq_context* ctx, const GemmArgs& args) {
  constexpr int kUnit = kF16Tile * kF16Block * 2;
  StreamCall call = stream_call(ctx, args, kF16Tile, kF16Block, kUnit);
  call.pace.before = paced_units(ctx, kBeforeF16, kUnit);
  return ctx->capability == 90 && call.aligned ? f16_on_hopper(ctx, call, args.dtype)
                                               : f16_on_ampere(ctx, call, args.dtype);
}

}  // namespace smq

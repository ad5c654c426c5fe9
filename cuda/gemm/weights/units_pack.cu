// Packing of eight-bit weights, and of four-bit weights for eight-bit activations, into the layouts of units.cuh.
// Neither kernel lets the next one start early: products read weights before they wait for their predecessor.
#include "gemm/gemm.cuh"
#include "gemm/weights/units.cuh"

#include <cuda_fp16.h>

using namespace smq;

namespace {

constexpr int kThreads = 256;

// The outputs that a call packs, and the padding behind them.
struct Part {
  int32_t n, n_offset;
  int32_t width;  // with padding

  // Who packs the last outputs packs the padding too.
  Part(int32_t n_total, int32_t n_offset, int32_t n, const units::Layout& layout)
      : n(n), n_offset(n_offset),
        width(n_offset + n == n_total ? layout.tiles * units::kTile - n_offset : n) {}
};

__device__ uint32_t four_bytes(const uint8_t* from) {
  uint32_t word = 0;
  for (int i = 0; i < 4; ++i) word |= uint32_t(from[i]) << (8 * i);
  return word;
}

// One thread: four inputs of one output, neighbours along the inputs.
__global__ void pack_bytes(uint8_t* w, const uint8_t* qweight, const float* scales, Part part,
                           units::Layout layout) {
  wait_for_previous();
  const int64_t item = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  const int32_t quads = layout.blocks * (units::kBlock / 4);
  if (item >= int64_t(part.width) * quads) return;
  const int32_t output = int32_t(item / quads), input = int32_t(item % quads) * 4;
  const int32_t row = part.n_offset + output;
  uint32_t word = 0;
  if (output < part.n && input < layout.k) word = four_bytes(qweight + int64_t(output) * layout.k + input);
  const units::Place place(row, input);
  *reinterpret_cast<uint32_t*>(w + layout.unit(row, input) + place.byte_word()) = word;
  if (input == 0) {
    *reinterpret_cast<float*>(w + layout.scale(row)) = output < part.n ? scales[output] : 0.0f;
  }
}

// The same in groups.
struct ByteGroupsCall {
  uint8_t* w;
  const uint8_t* qweight;
  const __half *scales, *offsets;
};
__global__ void pack_byte_groups(ByteGroupsCall call, Part part, units::Layout layout) {
  wait_for_previous();
  const int64_t item = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  const int32_t quads = layout.blocks * (units::kBlock / 4);
  if (item >= int64_t(part.width) * quads) return;
  const int32_t output = int32_t(item / quads), input = int32_t(item % quads) * 4;
  const int32_t row = part.n_offset + output;
  const bool real = output < part.n && input < layout.k;
  uint8_t* const unit = call.w + layout.unit(row, input);
  const uint32_t four = real ? four_bytes(call.qweight + int64_t(output) * layout.k + input) : 0;
  *reinterpret_cast<uint16_t*>(unit + units::grouped_byte(row, input)) = uint16_t(four);
  *reinterpret_cast<uint16_t*>(unit + units::grouped_byte(row, input + 2)) = uint16_t(four >> 16);
  if (input % layout.grain == 0) {
    const int64_t from = int64_t(input / layout.grain) * part.n + output;
    __half* const scale = reinterpret_cast<__half*>(unit + layout.byte_group_scale(row, input));
    scale[0] = real ? call.scales[from] : __half(0.0f);
    if (layout.has_offsets) scale[1] = real ? call.offsets[from] : __half(0.0f);
  }
}

struct NibblesCall {
  uint8_t* w;
  const uint32_t* qweight;
  const float *scales, *offsets;
  const __half* group_scales;
  const uint8_t* group_zeros;
  int32_t group;
};

// Sets the nibbles of one output in a word whose others belong to another, perhaps of another layer.
__device__ void set_nibbles(uint8_t* address, uint32_t mask, uint32_t value) {
  uint32_t* const word = reinterpret_cast<uint32_t*>(address);
  atomicXor(word, (*reinterpret_cast<volatile uint32_t*>(word) & mask) ^ value);
}

// What a weight needs to become an i8: see units::Need. The sum is the one that kernels form.
__device__ uint32_t need_of(uint32_t q, uint32_t zero, __half scale) {
  const __half sum = __hfma(__int2half_rn(int(q) - int(zero)), scale, __half(1536.0f));
  const uint16_t bits = __half_as_ushort(sum);
  const bool fits = bits >= 0x6580 && bits <= 0x667f;  // 1536 - 128 to 1536 + 127
  const float s = __half2float(scale);
  const bool is_integer = s == rintf(s) && fabsf(s) <= units::kMostInteger;
  return (fits ? 0 : units::kNeedsClamp) | (is_integer ? 0 : units::kNeedsRounding);
}

// One thread: eight inputs of one output, neighbours along the outputs.
__global__ void pack_nibbles(NibblesCall call, Part part, units::Layout layout) {
  wait_for_previous();
  const int64_t item = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  const int32_t output = int32_t(item % part.width), chunk = int32_t(item / part.width);
  if (chunk >= layout.blocks * (units::kBlock / 8)) return;
  const int32_t row = part.n_offset + output, input = chunk * 8;
  const bool real = output < part.n && input < layout.k;
  const uint32_t q = real ? call.qweight[int64_t(chunk) * part.n + output] : 0;
  uint8_t* const unit = call.w + layout.unit(row, input);
  for (int quad = 0; quad < 2; ++quad) {
    const uint32_t four = q >> (16 * quad);
    const uint32_t spread = (four & 15) | (four & 0xf0) << 4 | (four & 0xf00) << 8 | (four & 0xf000) << 12;
    const units::Place place(row, input + 4 * quad);
    set_nibbles(unit + place.nibble_word(), 0x0f0f0f0fu << (4 * place.r), spread << (4 * place.r));
  }
  if (layout.grain > 0) {
    const int64_t from = int64_t(input / call.group) * part.n + output;
    const __half scale = real ? call.group_scales[from] : __half(0.0f);
    const uint32_t zero = real ? call.group_zeros[from] & 15 : 0;
    if (input % layout.grain == 0) {
      *reinterpret_cast<__half*>(unit + layout.group_scale(row, input)) = scale;
      unit[layout.group_zero(row, input)] = uint8_t(zero);
    }
    uint32_t need = 0;
    for (int i = 0; i < 8; ++i) need |= need_of(q >> (4 * i) & 15, zero, scale);
    uint8_t* const byte = call.w + layout.needs(row);
    // Most threads of an output find what they would add.
    if (need & ~uint32_t(*reinterpret_cast<volatile uint8_t*>(byte))) {
      const uint64_t address = reinterpret_cast<uint64_t>(byte);
      atomicOr(reinterpret_cast<uint32_t*>(address & ~uint64_t(3)), need << (address & 3) * 8);
    }
  }
  if (input == 0) {
    *reinterpret_cast<float*>(call.w + layout.scale(row)) = real ? call.scales[output] : 0.0f;
    if (layout.has_offsets) {
      *reinterpret_cast<float*>(call.w + layout.offset(row)) = real ? call.offsets[output] : 0.0f;
    }
  }
}

// The blocks of a launch, or 0 where they are too many.
uint32_t count_blocks(Check& check, int64_t items) {
  check.limit("n * k", items / kThreads, INT32_MAX - 1);
  return check.failed() ? 0 : uint32_t((items + kThreads - 1) / kThreads);
}

}  // namespace

int32_t smq::run_w8_bytes(int32_t n, int32_t k, int64_t* out) {
  Check check;
  if (check_units(check, n, k).failed()) return check.status();
  *out = units::bytes_layout(n, k).bytes();
  return SMQ_OK;
}

int32_t smq::run_w8_pack(smq_context* ctx, uint64_t w, int32_t n_total, int32_t n_offset,
                         uint64_t qweight, uint64_t scales, int32_t n, int32_t k) {
  if (const int32_t status = enter(ctx)) return status;
  const units::Layout layout = units::bytes_layout(n_total, k);
  const Part part(n_total, n_offset, n, layout);
  Check check;
  const uint32_t blocks = count_blocks(check, int64_t(part.width) * layout.blocks * (units::kBlock / 4));
  if (check.failed()) return check.status();
  launch(ctx, pack_bytes, blocks, kThreads, 0, at<uint8_t>(w), at<const uint8_t>(qweight),
         at<const float>(scales), part, layout);
  return launched(ctx, "the packing of eight-bit weights");
}

int32_t smq::run_w8_group_bytes(int32_t n, int32_t k, int32_t group, int32_t offsets, int64_t* out) {
  Check check;
  if (check_units(check, n, k).failed()) return check.status();
  *out = units::byte_groups_layout(n, k, group, offsets != 0).bytes();
  return SMQ_OK;
}

int32_t smq::run_w8_group_pack(smq_context* ctx, uint64_t w, int32_t n_total, int32_t n_offset,
                               uint64_t qweight, uint64_t scales, uint64_t offsets, int32_t n, int32_t k,
                               int32_t group) {
  if (const int32_t status = enter(ctx)) return status;
  const units::Layout layout = units::byte_groups_layout(n_total, k, group, offsets != 0);
  const Part part(n_total, n_offset, n, layout);
  Check check;
  const uint32_t blocks = count_blocks(check, int64_t(part.width) * layout.blocks * (units::kBlock / 4));
  if (check.failed()) return check.status();
  const ByteGroupsCall call{at<uint8_t>(w), at<const uint8_t>(qweight), at<const __half>(scales),
                            at<const __half>(offsets)};
  launch(ctx, pack_byte_groups, blocks, kThreads, 0, call, part, layout);
  return launched(ctx, "the packing of eight-bit weights in groups");
}

int32_t smq::run_w4a8_bytes(int32_t n, int32_t k, int32_t group, int64_t* out) {
  Check check;
  if (check_units(check, n, k).failed()) return check.status();
  *out = units::nibbles_layout(n, k, group).bytes();
  return SMQ_OK;
}

int32_t smq::run_w4a8_pack(smq_context* ctx, const W4A8Pack& args) {
  if (const int32_t status = enter(ctx)) return status;
  const units::Layout layout = units::nibbles_layout(args.n_total, args.k, args.group);
  const Part part(args.n_total, args.n_offset, args.n, layout);
  Check check;
  const uint32_t blocks = count_blocks(check, int64_t(part.width) * layout.blocks * (units::kBlock / 8));
  if (check.failed()) return check.status();
  if (layout.grain > 0) {
    const cudaError_t error =
        cudaMemsetAsync(at<void>(args.w + uint64_t(layout.needs(args.n_offset))), 0, size_t(part.width), ctx->stream);
    if (error != cudaSuccess) return cuda_status(ctx, error, "the packing of four-bit weights");
  }
  const NibblesCall call{at<uint8_t>(args.w), at<const uint32_t>(args.qweight),
                         at<const float>(args.scales), at<const float>(args.offsets),
                         at<const __half>(args.group_scales), at<const uint8_t>(args.group_zeros),
                         args.group};
  launch(ctx, pack_nibbles, blocks, kThreads, 0, call, part, layout);
  return launched(ctx, "the packing of four-bit weights");
}

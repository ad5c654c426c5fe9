// The launches of prefill_units_hopper.cuh, and the rows in the order of inputs in which weights come to lie in
// its registers where both are f16 or bf16 and rows are not read as they lie.
#pragma once

#include <algorithm>

#include "gemm/prompts/prefill_units_hopper.cuh"
#include "gemm/stream/units_stream.cuh"

namespace smq {
namespace prefill_units_host {  // named: what a file does not use is no warning

constexpr int kOrderThreads = 256;

// The policy of the product itself: e4m3 rows are f16 there.
struct WideFp8 : Fp8 {
  static constexpr int kInput = 2;
};
template <class P>
struct WideRows {
  using Type = P;
};
template <>
struct WideRows<Fp8> {
  using Type = WideFp8;
};

// Of 16 inputs of an instruction lane t holds the inputs at places 2 t, 2 t + 1, 2 t + 8 and 2 t + 9: of the
// policies' weights, inputs 4 t to 4 t + 3. first and second: the four inputs as two words.
__device__ __forceinline__ void ordered(const uint8_t* from, uint32_t& first, uint32_t& second, Fp8) {
  widen_e4m3(*reinterpret_cast<const uint32_t*>(from), first, second);
}
template <class Half>
__device__ __forceinline__ void ordered(const uint8_t* from, uint32_t& first, uint32_t& second, W8A16<Half>) {
  const uint2 v = *reinterpret_cast<const uint2*>(from);
  first = v.x, second = v.y;
}

// One thread: four inputs.
template <class P>
__global__ void order_inputs(uint32_t* out, const uint8_t* x, int64_t quads) {
  wait_for_previous();
  let_next_start();
  const int64_t quad = int64_t(blockIdx.x) * kOrderThreads + threadIdx.x;
  if (quad >= quads) return;
  uint32_t first, second;
  ordered(x + quad * 4 * P::kInput, first, second, P());
  uint32_t* const to = out + quad / 4 * 8 + quad % 4;
  to[0] = first, to[4] = second;
}

// Scratch from `offset` on is free.
template <class P>
int32_t multiply(smq_context* ctx, const UnitsCall& units, int64_t offset) {
  using U = PrefillUnits<P>;
  const StreamCall& stream = units.stream;
  CUtensorMap x_map;
  if (!map_rows(&x_map, stream.x, stream.m, stream.k / 2 * P::kInput, U::kRows)) {
    return fail(SMQ_DEVICE, "the driver cannot describe %d rows of %d inputs", stream.m, stream.k);
  }
  // Steps as long as those of four-bit weights where inputs have two bytes, else half.
  constexpr SharingCosts kCosts{10 / P::kInput, kNever};
  const int32_t row_tiles = (stream.m + U::kRows - 1) / U::kRows, blocks = stream.split.blocks;
  share_tiles<false>(ctx, row_tiles * stream.split.tiles, blocks, offset, kCosts, [&](auto tiles, unsigned grid) {
    const PrefillCall<decltype(tiles)> call{units, tiles, row_tiles, blocks};
    launch(ctx, prefill_units<P, decltype(tiles)>, grid, U::kThreads, U::R::kBytes, x_map, call);
  });
  return launched(ctx, "a product of many rows with quantized weights");
}

}  // namespace prefill_units_host

template <class P>
int32_t prefill_units_on_hopper(smq_context* ctx, const UnitsCall& units) {
  using namespace prefill_units_host;
  using Operands = typename WideRows<P>::Type;
  if constexpr (Operands::kInput == 1 || P::kNatural) {
    return multiply<P>(ctx, units, 0);
  } else {
    const int64_t k = units.stream.k;
    // The parts of tiles lie behind the rows, where both fit: to read the weights twice would cost more.
    const int64_t parts = ctx->sms * kPartBytes, all = int64_t(ctx->scratch_bytes);
    const int64_t room = units.stream.m * 2 * k + parts <= all ? all - parts : all;
    const int32_t most = int32_t(std::min<int64_t>(room / (2 * k), units.stream.m));
    for (int32_t first = 0; first < units.stream.m; first += most) {
      UnitsCall part = units;
      StreamCall& stream = part.stream;
      stream.m = std::min(most, units.stream.m - first);
      const int64_t quads = stream.m * k / 4;
      launch(ctx, order_inputs<P>, unsigned((quads + kOrderThreads - 1) / kOrderThreads), kOrderThreads, 0,
             static_cast<uint32_t*>(ctx->scratch),
             static_cast<const uint8_t*>(stream.x) + int64_t(first) * k * P::kInput, quads);
      stream.x = ctx->scratch;
      stream.y = static_cast<uint8_t*>(stream.y) +
                 int64_t(first) * stream.y_stride * (stream.epilogue == SMQ_STORE ? 2 : 4);
      if (part.x_scales) part.x_scales += first;
      if (const int32_t status = multiply<Operands>(ctx, part, room)) return status;
    }
    return SMQ_OK;
  }
}

}  // namespace smq

// Products with eight-bit weights, in groups too, and with four-bit weights on eight-bit activations: who computes
// them.
#include "gemm/weights/units.cuh"

#include <algorithm>

#include "gemm/stream/units_stream.cuh"
#include "gemm/weights/w8_groups.cuh"

namespace smq {
namespace {

UnitsCall units_call(smq_context* ctx, const GemmArgs& args, const units::Layout& layout) {
  UnitsCall call{};
  call.stream = stream_call(ctx, args, units::kTile, units::kBlock, layout.unit_bytes);
  call.stream.aligned = args.x % 16 == 0;
  if (!layout.scales_within) {
    call.scales = at<const float>(args.w + uint64_t(layout.scale(0)));
    if (layout.has_offsets) call.offsets = at<const float>(args.w + uint64_t(layout.offset(0)));
    if (layout.grain > 0) call.needs = at<const uint8_t>(args.w + uint64_t(layout.needs(0)));
  }
  call.x_scales = at<const float>(args.x_scales);
  call.x_sums = at<const int32_t>(args.x_sums);
  call.dtype = args.dtype;
  return call;
}

// Rows [first, first + count) of a product.
template <class P>
GemmArgs piece(const GemmArgs& args, int32_t first, int32_t count) {
  GemmArgs part = args;
  part.m = count;
  part.x += uint64_t(first) * uint64_t(args.k) * P::kInput;
  part.y += uint64_t(first) * uint64_t(args.y_stride) * (args.epilogue == SMQ_STORE ? 2 : 4);
  if (args.x_scales) part.x_scales += uint64_t(first) * 4;
  if (args.x_sums) part.x_sums += uint64_t(first) * 4;
  return part;
}

template <class P>
int32_t product(smq_context* ctx, const GemmArgs& args, const units::Layout& layout) {
  constexpr bool kHopper = P::kOnHopper != OnHopper::kNone;
  const bool hopper = kHopper && ctx->capability == 90 && args.x % 16 == 0;
  if constexpr (kHopper) {
    if (hopper && args.m > kFewRows) return prefill_units_on_hopper<P>(ctx, units_call(ctx, args, layout));
  }
  const int32_t most = hopper ? kFewRows : kMostAmpereRows<P>;
  for (int32_t first = 0; first < args.m; first += most) {
    const UnitsCall call = units_call(ctx, piece<P>(args, first, std::min(most, args.m - first)), layout);
    int32_t status;
    if constexpr (kHopper) {
      status = hopper ? units_on_hopper<P>(ctx, call) : units_on_ampere<P>(ctx, call);
    } else {
      status = units_on_ampere<P>(ctx, call);
    }
    if (status) return status;
  }
  return SMQ_OK;
}

template <class Half>
int32_t product_in_groups(smq_context* ctx, const GemmArgs& args) {
  const units::Layout layout = units::byte_groups_layout(args.n, args.k, args.group, args.zeros != 0);
  if (args.group == 32) {
    return args.zeros ? product<W8A16Groups<Half, 32, true>>(ctx, args, layout)
                      : product<W8A16Groups<Half, 32, false>>(ctx, args, layout);
  }
  return args.zeros ? product<W8A16Groups<Half, 16, true>>(ctx, args, layout)
                    : product<W8A16Groups<Half, 16, false>>(ctx, args, layout);
}

// The checks that only this library makes, and the context.
int32_t start(smq_context* ctx, const GemmArgs& args, bool aligned) {
  Check check;
  check_units(check, args.n, args.k);
  // The copy engine moves 16 bytes at a time.
  check.multiple("w", int64_t(args.w & 15), 16);
  if (aligned) check.multiple("x", int64_t(args.x & 15), 16);
  return check.failed() ? check.status() : enter(ctx);
}

}  // namespace

int32_t run_gemm_w8a8(smq_context* ctx, const GemmArgs& args) {
  if (const int32_t status = start(ctx, args, true)) return status;
  return product<W8A8>(ctx, args, units::bytes_layout(args.n, args.k));
}

int32_t run_gemm_fp8(smq_context* ctx, const GemmArgs& args) {
  if (const int32_t status = start(ctx, args, true)) return status;
  return product<Fp8>(ctx, args, units::bytes_layout(args.n, args.k));
}

int32_t run_gemm_w8a16(smq_context* ctx, const GemmArgs& args) {
  if (const int32_t status = start(ctx, args, false)) return status;
  const units::Layout layout = units::bytes_layout(args.n, args.k);
  return args.dtype == SMQ_F16 ? product<W8A16<__half>>(ctx, args, layout)
                               : product<W8A16<__nv_bfloat16>>(ctx, args, layout);
}

int32_t run_gemm_w8a16_group(smq_context* ctx, const GemmArgs& args) {
  if (const int32_t status = start(ctx, args, true)) return status;
  return args.dtype == SMQ_F16 ? product_in_groups<__half>(ctx, args)
                               : product_in_groups<__nv_bfloat16>(ctx, args);
}

int32_t run_gemm_w4a8(smq_context* ctx, const GemmArgs& args) {
  if (const int32_t status = start(ctx, args, true)) return status;
  const units::Layout layout = units::nibbles_layout(args.n, args.k, args.group);
  switch (layout.grain) {
    case 0: return product<W4A8<0>>(ctx, args, layout);
    case 32: return product<W4A8<32>>(ctx, args, layout);
    case 64: return product<W4A8<64>>(ctx, args, layout);
    default: return product<W4A8<128>>(ctx, args, layout);
  }
}

}  // namespace smq

// Four-bit weights in groups, w = (q - 8) s, (q - z) s or q s + o, in panels (gemm/lanes.h): f16 scales, and behind
// them, where there are zero points or offsets, those, as f16 too.
#include <algorithm>

#include "gemm/gemm.h"
#include "gemm/lanes.h"

using namespace smq;

namespace {

// Packs one output, whose bytes no other output shares.
void pack_output(const W4A16Pack& call, int64_t output) {
  const LaneLayout layout = u4_layout(call.k, call.group, call.zeros || call.offsets ? 2 : 1);
  const int64_t row = call.n_offset + output;
  const uint32_t* q = at<const uint32_t>(call.qweight);
  const int32_t* order = at<const int32_t>(call.order);
  const auto nibble = [&](int32_t j) {
    const int32_t from = order ? std::clamp(order[j], 0, call.k - 1) : j;
    return q[int64_t(from / 8) * call.n + output] >> (from % 8 * 4) & 15;
  };
  for (int32_t j = 0; j < call.k; j += j % 8 == 3 ? 5 : 1) {
    *at<uint8_t>(call.w + uint64_t(layout.place(row, j))) = uint8_t(nibble(j) | nibble(j + 4) << 4);
  }
  for (int32_t g = 0; g < layout.groups; ++g) {
    const int64_t from = int64_t(g) * call.n + output;
    const auto put = [&](int32_t array, f16 value) {
      *at<f16>(call.w + uint64_t(layout.group_place(row, g, array))) = value;
    };
    put(0, at<const f16>(call.scales)[from]);
    if (call.zeros) put(1, narrow_f16(float(at<const uint8_t>(call.zeros)[from])));
    if (call.offsets) put(1, at<const f16>(call.offsets)[from]);
  }
}

}  // namespace

int32_t smq::run_gemm_w4a16(smq_context* ctx, const GemmArgs& args) {
  const WidenKernel widen = ctx->kernels.half[args.dtype].widen;
  const GemmKernels& gemm = ctx->kernels.gemm;
  const bool few = args.m <= kFewNibbleRows;
  const GemmKernel kernel = few ? gemm.w4a16[args.zeros] : gemm.w4a16_many[args.zeros];
  const RowKernel prepare = few ? gemm.w4a16_row[args.zeros] : gemm.w4a16_many_row[args.zeros];
  return submit_gemm(ctx, args, {kernel, widen, prepare, 3, kLanes, 2, 4, 0.04});
}

int32_t smq::run_w4a16_bytes(int32_t n, int32_t k, int32_t group, int32_t zeros, int64_t* out) {
  *out = u4_layout(k, group, zeros == SMQ_ZEROS_NONE ? 1 : 2).bytes(n);
  return SMQ_OK;
}

int32_t smq::run_w4a16_pack(smq_context* ctx, const W4A16Pack& call) {
  return submit(ctx, [=] {
    ctx->pool.run(call.n, 2.0 * call.k, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) pack_output(call, i);
    });
  });
}

int32_t smq::run_gather_columns(smq_context* ctx, uint64_t out, uint64_t x, uint64_t order,
                                int32_t m, int32_t k, int32_t) {
  return submit(ctx, [=] {
    ctx->pool.run(m, 1.0 * k, [&](int64_t begin, int64_t end, int) {
      const int32_t* from = at<const int32_t>(order);
      for (int64_t i = begin; i < end; ++i) {
        const uint16_t* row = at<const uint16_t>(x) + i * k;
        uint16_t* to = at<uint16_t>(out) + i * k;
        for (int32_t j = 0; j < k; ++j) to[j] = row[std::clamp(from[j], 0, k - 1)];
      }
    });
  });
}

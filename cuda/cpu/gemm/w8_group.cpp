// Eight-bit weights in groups, w = q s or q s + o, in panels (gemm/lanes.h): products, packing, and rows of a table.
#include <cstring>

#include "gemm/gemm.h"
#include "gemm/lanes.h"

using namespace smq;

namespace {

// Packs one output.
void pack_output(uint64_t w, int64_t row, int64_t output, uint64_t qweight, uint64_t scales,
                 uint64_t offsets, int32_t n, int32_t k, int32_t group) {
  const LaneLayout layout = i8_group_layout(k, group, offsets ? 2 : 1);
  const int8_t* q = at<const int8_t>(qweight) + output * k;
  for (int32_t j = 0; j < k; ++j) *at<int8_t>(w + uint64_t(layout.place(row, j))) = q[j];
  for (int32_t g = 0; g < layout.groups; ++g) {
    const int64_t from = int64_t(g) * n + output;
    *at<f16>(w + uint64_t(layout.group_place(row, g, 0))) = at<const f16>(scales)[from];
    if (offsets) *at<f16>(w + uint64_t(layout.group_place(row, g, 1))) = at<const f16>(offsets)[from];
  }
}

// Row `token` of a table.
void widen_token(float* out, const EmbedW8& args, int64_t token) {
  const LaneLayout layout = i8_group_layout(args.hidden, args.group, 1 + args.offsets);
  const auto array = [&](int32_t g, int32_t which) {
    return widen(*at<const f16>(args.table + uint64_t(layout.group_place(token, g, which))));
  };
  for (int32_t g = 0, i = 0; g < layout.groups; ++g) {
    const float scale = array(g, 0);
    const float offset = args.offsets ? array(g, 1) : 0.0f;
    for (; i < (g + 1) * args.group; ++i) {
      out[i] = float(*at<const int8_t>(args.table + uint64_t(layout.place(token, i)))) * scale + offset;
    }
  }
}

}  // namespace

int32_t smq::run_gemm_w8a16_group(smq_context* ctx, const GemmArgs& args) {
  const WidenKernel widen = ctx->kernels.half[args.dtype].widen;
  const GemmKernels& gemm = ctx->kernels.gemm;
  const RowKernel prepare = args.zeros ? gemm.sums_row : nullptr;
  return submit_gemm(ctx, args, {gemm.w8a16_group[args.zeros], widen, prepare, args.zeros, kLanes, 2, 4, 0.07});
}

int32_t smq::run_w8_group_bytes(int32_t n, int32_t k, int32_t group, int32_t offsets, int64_t* out) {
  *out = i8_group_layout(k, group, 1 + offsets).bytes(n);
  return SMQ_OK;
}

int32_t smq::run_w8_group_pack(smq_context* ctx, uint64_t w, int32_t n_total, int32_t n_offset,
                               uint64_t qweight, uint64_t scales, uint64_t offsets, int32_t n,
                               int32_t k, int32_t group) {
  (void)n_total;
  return submit(ctx, [=] {
    ctx->pool.run(n, 0.2 * k, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        pack_output(w, n_offset + i, i, qweight, scales, offsets, n, k, group);
      }
    });
  });
}

int32_t smq::run_embed_w8_group(smq_context* ctx, const EmbedW8& args) {
  const int64_t row_bytes = int64_t(args.hidden) * int64_t(sizeof(float));
  const int64_t scratch = args.out_dtype == SMQ_F32 ? 0 : row_bytes * ctx->pool.threads();
  return submit(
      ctx,
      [=] {
        const int64_t first = (args.start ? int64_t(*args.start) : 0) + args.shift;
        const int64_t element = element_bytes(args.out_dtype);
        ctx->pool.run(args.m, 1.0 * args.hidden, [&](int64_t begin, int64_t end, int worker) {
          for (int64_t i = begin; i < end; ++i) {
            const int32_t token = args.tokens[first + i];
            uint8_t* to = at<uint8_t>(args.out) + i * args.out_stride * element;
            if (token < 0 || token >= args.vocab) {
              std::memset(to, 0, std::size_t(args.hidden * element));
            } else if (args.out_dtype == SMQ_F32) {
              widen_token(reinterpret_cast<float*>(to), args, token);
            } else {
              float* wide = reinterpret_cast<float*>(ctx->scratch.data() + worker * row_bytes);
              widen_token(wide, args, token);
              ctx->kernels.half[args.out_dtype].narrow(to, wide, args.hidden);
            }
          }
        });
      },
      scratch);
}

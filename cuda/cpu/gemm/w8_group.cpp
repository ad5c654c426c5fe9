// Eight-bit weights in groups: products, packing, and rows of a table. gemm/w8_group.kernel.h has the layout.
#include "gemm/w8_group.kernel.h"

#include <cstring>

#include "gemm/gemm.h"

using namespace smq;

namespace {

// Packs one output.
void pack_output(uint64_t w, int64_t row, int32_t n_total, int64_t output, uint64_t qweight,
                 uint64_t scales, uint64_t offsets, int32_t n, int32_t k, int32_t group) {
  const int64_t groups = k / group;
  int8_t* q = at<int8_t>(w);
  std::memcpy(q + row * k, at<const int8_t>(qweight) + output * k, std::size_t(k));
  f16* to = reinterpret_cast<f16*>(q + int64_t(n_total) * k) + row * groups;
  const f16* from = at<const f16>(scales) + output;
  for (int64_t g = 0; g < groups; ++g) to[g] = from[g * n];
  if (!offsets) return;
  to += n_total * groups;
  from = at<const f16>(offsets) + output;
  for (int64_t g = 0; g < groups; ++g) to[g] = from[g * n];
}

// Row `token` of a table.
void widen_token(float* out, const EmbedW8& args, int64_t token) {
  const GroupWeight table = group_weight(at<const void>(args.table), args.vocab, args.hidden, args.group);
  const int64_t groups = args.hidden / args.group;
  const int8_t* q = table.q + token * args.hidden;
  for (int64_t g = 0; g < groups; ++g) {
    const float scale = widen(table.scales[token * groups + g]);
    const float offset = args.offsets ? widen(table.offsets[token * groups + g]) : 0.0f;
    for (int32_t i = 0; i < args.group; ++i, ++q) *out++ = float(*q) * scale + offset;
  }
}

}  // namespace

int32_t smq::run_gemm_w8a16_group(smq_context* ctx, const GemmArgs& args) {
  const WidenKernel widen = ctx->kernels.half[args.dtype].widen;
  return submit_gemm(ctx, args, {ctx->kernels.gemm.w8a16_group[args.zeros], widen, 2, 4, 0.08});
}

int32_t smq::run_w8_group_bytes(int32_t n, int32_t k, int32_t group, int32_t offsets, int64_t* out) {
  *out = n * (int64_t(k) + int64_t(k / group) * int64_t(sizeof(f16)) * (1 + offsets));
  return SMQ_OK;
}

int32_t smq::run_w8_group_pack(smq_context* ctx, uint64_t w, int32_t n_total, int32_t n_offset,
                               uint64_t qweight, uint64_t scales, uint64_t offsets, int32_t n,
                               int32_t k, int32_t group) {
  return submit(ctx, [=] {
    ctx->pool.run(n, 0.2 * k, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        pack_output(w, n_offset + i, n_total, i, qweight, scales, offsets, n, k, group);
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

// Four-bit weights, w = (q - z) s or q s + o. Packed: for each output blocks of 64 inputs in 32 bytes, eight words
// little-endian, nibble i of word j being (q ^ 8) of input 8 i + j, so that one word-wise shift gives
// eight neighbouring inputs as signed numbers; behind all outputs f32 [n, groups] scales, times 2^-28,
// and, where zero points or offsets are stored, as many (8 - z) s or o + 8 s: what is added to (q - 8) s.
#include <algorithm>
#include <cstring>

#include "gemm/gemm.h"
#include "gemm/gemm.kernel.h"

using namespace smq;

namespace {

int64_t group_count(int32_t k, int32_t group) { return (int64_t(k) + group - 1) / group; }

// Packs one output.
void pack_output(const W4A16Pack& call, int64_t output) {
  const int64_t row_bytes = u4_row_bytes(call.k);
  const int64_t groups = group_count(call.k, call.group);
  const int64_t row = call.n_offset + output;
  uint8_t* words = at<uint8_t>(call.w) + row * row_bytes;
  std::memset(words, 0, std::size_t(row_bytes));
  const uint32_t* q = at<const uint32_t>(call.qweight);
  const int32_t* order = at<const int32_t>(call.order);
  for (int32_t j = 0; j < call.k; ++j) {
    const int32_t from = order ? std::clamp(order[j], 0, call.k - 1) : j;
    const uint32_t nibble = (q[int64_t(from / 8) * call.n + output] >> (from % 8 * 4) & 15) ^ 8;
    // Input 8 i + lane of the block is nibble i of word `lane`: byte i / 2 of that word.
    const int32_t i = j % kBlock / 8;
    words[j / kBlock * 32 + j % 8 * 4 + i / 2] |= uint8_t(nibble << (i % 2 * 4));
  }
  float* scales = at<float>(call.w + uint64_t(call.n_total) * uint64_t(row_bytes)) + row * groups;
  const f16* stored = at<const f16>(call.scales);
  for (int64_t g = 0; g < groups; ++g) {
    scales[g] = widen(stored[g * call.n + output]) * kNibbleScale;
  }
  if (!call.zeros && !call.offsets) return;
  float* added = scales + call.n_total * groups;
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t from = g * call.n + output;
    const float scale = widen(stored[from]);
    if (call.zeros) {
      added[g] = float(8 - int32_t(at<const uint8_t>(call.zeros)[from])) * scale;
    } else {
      added[g] = widen(at<const f16>(call.offsets)[from]) + 8.0f * scale;
    }
  }
}

}  // namespace

int32_t smq::run_gemm_w4a16(smq_context* ctx, const GemmArgs& args) {
  const WidenKernel widen = ctx->kernels.half[args.dtype].widen;
  return submit_gemm(ctx, args, {ctx->kernels.gemm.w4a16[args.zeros != SMQ_ZEROS_NONE], widen, 2, 4, 0.06});
}

int32_t smq::run_w4a16_bytes(int32_t n, int32_t k, int32_t group, int32_t zeros, int64_t* out) {
  const int64_t floats = zeros == SMQ_ZEROS_NONE ? 1 : 2;
  *out = n * (u4_row_bytes(k) + group_count(k, group) * int64_t(sizeof(float)) * floats);
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

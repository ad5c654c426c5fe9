// Four-bit weights on eight-bit rows. Packed: for each output blocks of 32 inputs in 16 bytes, inputs j
// and 16 + j in byte j. Behind all outputs, where there are groups, for each output and group the i8 that
// each nibble stands for; then f32 [n] scales and, without groups, f32 [n] offsets.
#include <cmath>

#include "gemm/gemm.h"
#include "half.h"

using namespace smq;

namespace {

int64_t table_bytes(int32_t k, int32_t group) {
  return group == 0 ? 0 : (int64_t(k) + group - 1) / group * 16;
}

// w = (q - z) s, rounded and clamped.
int8_t weight_of(int32_t q, int32_t zero, float scale) {
  const float w = std::nearbyint(float(q - zero) * scale);
  return int8_t(w >= 127.0f ? 127 : w >= -128.0f ? int32_t(w) : -128);
}

// Packs one output.
void pack_output(const W4A8Pack& call, int64_t output) {
  const int64_t row_bytes = call.k / 2;
  const int64_t tables = table_bytes(call.k, call.group);
  const int64_t row = call.n_offset + output;
  uint8_t* nibbles = at<uint8_t>(call.w) + row * row_bytes;
  const uint32_t* q = at<const uint32_t>(call.qweight);
  for (int64_t i = 0; i < row_bytes; ++i) {
    const int64_t low = i / 16 * 32 + i % 16;
    const auto nibble = [&](int64_t j) {
      return q[j / 8 * call.n + output] >> (j % 8 * 4) & 15;
    };
    nibbles[i] = uint8_t(nibble(low) | nibble(low + 16) << 4);
  }
  uint8_t* behind = at<uint8_t>(call.w) + call.n_total * row_bytes;
  int8_t* table = reinterpret_cast<int8_t*>(behind + row * tables);
  for (int64_t g = 0; g < tables / 16; ++g) {
    const int32_t zero = at<const uint8_t>(call.group_zeros)[g * call.n + output];
    const float scale = widen(at<const f16>(call.group_scales)[g * call.n + output]);
    for (int32_t i = 0; i < 16; ++i) table[g * 16 + i] = weight_of(i, zero, scale);
  }
  float* scales = reinterpret_cast<float*>(behind + call.n_total * tables);
  scales[row] = at<const float>(call.scales)[output];
  if (call.group == 0) scales[call.n_total + row] = at<const float>(call.offsets)[output];
}

}  // namespace

int32_t smq::run_gemm_w4a8(smq_context* ctx, const GemmArgs& args) {
  const Kernels& kernels = ctx->kernels;
  return submit_gemm(ctx, args, {kernels.gemm.w4a8, kernels.widen_i8, nullptr, 0, kPanel, 1, 2, 0.06});
}

int32_t smq::run_w4a8_bytes(int32_t n, int32_t k, int32_t group, int64_t* out) {
  const int64_t floats = group == 0 ? 2 : 1;
  *out = n * (k / 2 + table_bytes(k, group) + floats * int64_t(sizeof(float)));
  return SMQ_OK;
}

int32_t smq::run_w4a8_pack(smq_context* ctx, const W4A8Pack& args) {
  return submit(ctx, [=] {
    ctx->pool.run(args.n, 1.0 * args.k, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) pack_output(args, i);
    });
  });
}

// GGUF's blocks, taken apart: elements, scales, offsets. Each type is one function that decodes a block.
#include <cstring>

#include "context.h"
#include "half.h"

using namespace smq;

namespace {

// What is in one block: elements as they are stored, less what the type subtracts; of each group the scale
// and what is added.
struct Decoded {
  int8_t q[256];
  float scales[16], offsets[16];
};

float half_at(const uint8_t* p) {
  f16 x;
  std::memcpy(&x, p, sizeof x);
  return widen(x);
}

// 16 bytes: elements 0..15 in the low nibbles, the others in the high ones.
void low_bits(Decoded& out, const uint8_t* bytes) {
  for (int32_t i = 0; i < 16; ++i) {
    out.q[i] = int8_t(bytes[i] & 15);
    out.q[16 + i] = int8_t(bytes[i] >> 4);
  }
}

// The fifth bits of 32 elements, one bit each.
void fifth_bits(Decoded& out, const uint8_t* bytes) {
  for (int32_t i = 0; i < 32; ++i) out.q[i] = int8_t(out.q[i] | (bytes[i / 8] >> (i % 8) & 1) << 4);
}

template <int kSubtracted>
void subtract(Decoded& out, int32_t count) {
  for (int32_t i = 0; i < count; ++i) out.q[i] = int8_t(out.q[i] - kSubtracted);
}

void q4_0(Decoded& out, const uint8_t* p) {
  out.scales[0] = half_at(p);
  low_bits(out, p + 2);
  subtract<8>(out, 32);
}

void q4_1(Decoded& out, const uint8_t* p) {
  out.scales[0] = half_at(p);
  out.offsets[0] = half_at(p + 2);
  low_bits(out, p + 4);
}

void q5_0(Decoded& out, const uint8_t* p) {
  out.scales[0] = half_at(p);
  low_bits(out, p + 6);
  fifth_bits(out, p + 2);
  subtract<16>(out, 32);
}

void q5_1(Decoded& out, const uint8_t* p) {
  out.scales[0] = half_at(p);
  out.offsets[0] = half_at(p + 2);
  low_bits(out, p + 8);
  fifth_bits(out, p + 4);
}

void q8_0(Decoded& out, const uint8_t* p) {
  out.scales[0] = half_at(p);
  std::memcpy(out.q, p + 2, 32);
}

// Scales and offsets of the eight groups of a Q4_K or Q5_K block: pairs of six bits in twelve bytes.
void pairs(Decoded& out, const uint8_t* p) {
  const float d = half_at(p), least = half_at(p + 2);
  const uint8_t* s = p + 4;
  for (int32_t j = 0; j < 8; ++j) {
    const int32_t scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | s[j - 4] >> 6 << 4;
    const int32_t below = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | s[j] >> 6 << 4;
    out.scales[j] = d * float(scale);
    out.offsets[j] = -(least * float(below));
  }
}

// 128 bytes: of each 64 elements 32 bytes, the first 32 elements in the low nibbles.
void low_bits_k(Decoded& out, const uint8_t* bytes) {
  for (int32_t i = 0; i < 128; ++i) {
    int8_t* q = out.q + i / 32 * 64 + i % 32;
    q[0] = int8_t(bytes[i] & 15);
    q[32] = int8_t(bytes[i] >> 4);
  }
}

void q4_k(Decoded& out, const uint8_t* p) {
  pairs(out, p);
  low_bits_k(out, p + 16);
}

void q5_k(Decoded& out, const uint8_t* p) {
  pairs(out, p);
  low_bits_k(out, p + 48);
  // Bit g of byte i is the fifth one of element i of group g.
  for (int32_t e = 0; e < 256; ++e) {
    out.q[e] = int8_t(out.q[e] | (p[16 + e % 32] >> (e / 32) & 1) << 4);
  }
}

void q6_k(Decoded& out, const uint8_t* p) {
  const uint8_t *low = p, *high = p + 128, *scales = p + 192;
  const float d = half_at(p + 208);
  for (int32_t g = 0; g < 16; ++g) out.scales[g] = d * float(int8_t(scales[g]));
  // Of each 128 elements: four times 32, the first two in the low nibbles of 64 bytes, the others in the high
  // ones; their upper two bits in the same order in 32 bytes.
  for (int32_t e = 0; e < 256; ++e) {
    const int32_t half = e / 128, quarter = e % 128 / 32, i = e % 32;
    const int32_t nibble = low[half * 64 + quarter % 2 * 32 + i] >> (quarter / 2 * 4) & 15;
    const int32_t upper = high[half * 32 + i] >> (2 * quarter) & 3;
    out.q[e] = int8_t((nibble | upper << 4) - 32);
  }
}

struct BlockType {
  void (*decode)(Decoded& out, const uint8_t* block);
  int32_t elements, bytes, group;
  bool nibbles, offsets;  // whether elements have four bits, whether something is added
};

// By number.
constexpr BlockType kTypes[] = {
    {q4_0, 32, 18, 32, true, false},  {q4_1, 32, 20, 32, true, true},
    {q5_0, 32, 22, 32, false, false}, {q5_1, 32, 24, 32, false, true},
    {q8_0, 32, 34, 32, false, false}, {q4_k, 256, 144, 32, true, true},
    {q5_k, 256, 176, 32, false, true}, {q6_k, 256, 210, 16, false, false}};

struct UnpackCall {
  uint64_t q, scales, offsets, stored;
  int32_t type, wide, n, k;
};

// All inputs of output j.
void unpack_output(const UnpackCall& call, int64_t j) {
  const BlockType& type = kTypes[call.type];
  const bool nibbles = type.nibbles && !call.wide;
  // Nibbles are not signed: what the type subtracts is put back.
  const int32_t subtracted = nibbles && !type.offsets ? 8 : 0;
  const int64_t blocks = call.k / type.elements;
  const uint8_t* block = at<const uint8_t>(call.stored) + j * blocks * type.bytes;
  Decoded decoded;
  for (int64_t b = 0; b < blocks; ++b, block += type.bytes) {
    type.decode(decoded, block);
    const int64_t first = b * type.elements;
    if (nibbles) {
      for (int32_t i = 0; i < type.elements; i += 8) {
        uint32_t word = 0;
        for (int32_t e = 0; e < 8; ++e) word |= uint32_t(decoded.q[i + e] + subtracted) << (4 * e);
        at<uint32_t>(call.q)[(first + i) / 8 * call.n + j] = word;
      }
    } else {
      std::memcpy(at<int8_t>(call.q) + j * call.k + first, decoded.q, std::size_t(type.elements));
    }
    for (int32_t i = 0; i < type.elements / type.group; ++i) {
      const int64_t to = (first / type.group + i) * call.n + j;
      const f16 scale = narrow_f16(decoded.scales[i]);
      at<f16>(call.scales)[to] = scale;
      if (!call.offsets) continue;
      const float offset = type.offsets ? decoded.offsets[i] : -float(subtracted) * widen(scale);
      at<f16>(call.offsets)[to] = narrow_f16(offset);
    }
  }
}

}  // namespace

int32_t smq::run_unpack_blocks(smq_context* ctx, uint64_t q, uint64_t scales, uint64_t offsets,
                               uint64_t stored, int32_t type, int32_t wide, int32_t n, int32_t k) {
  return submit(ctx, [=] {
    ctx->pool.run(n, 1.0 * k, [&](int64_t begin, int64_t end, int) {
      const UnpackCall call{q, scales, offsets, stored, type, wide, n, k};
      for (int64_t j = begin; j < end; ++j) unpack_output(call, j);
    });
  });
}

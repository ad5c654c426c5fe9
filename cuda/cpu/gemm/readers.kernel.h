// Weights of any storage as f32. A reader hands out those of outputs first..first+N-1: `block(b)`
// fetches 64 inputs, `step<I>` widens eight of them.
#pragma once

#include "common/abi.h"
#include "kernels.h"
#include "simd/math.h"

namespace smq {

constexpr int32_t kBlock = 64;            // inputs in one block: eight steps of eight
constexpr float kNibbleScale = 0x1p-28f;  // undoes the factor of S::nibbles

// Bytes of the packed nibbles of one output.
inline __attribute__((always_inline)) int64_t u4_row_bytes(int32_t k) {
  return (int64_t(k) + kBlock - 1) / kBlock * 32;
}

// Rows of weights of dtype T.
template <class S, class T>
struct RowReader {
  // Outputs beside four rows: what the registers hold.
  static constexpr int kBesideFour = 3;
  using Input = float;
  using Sum = float;
  const T* w;
  int64_t stride;

  struct Block {
    const T* p;
    template <int I>
    SMQ_MEMBER typename S::F step() const {
      return S::load(p + 8 * I);
    }
  };
  struct Scales {};
  SMQ_MEMBER void select(Scales&, int32_t) const {}
  SMQ_MEMBER Block block(int32_t output, int32_t b, const Scales&) const {
    return {w + output * stride + int64_t(b) * kBlock};
  }
  // The last inputs of an output, fewer than eight.
  SMQ_MEMBER typename S::F rest(int32_t output, int32_t from, int32_t count) const {
    return load_some<S>(w + output * stride + from, count);
  }
};

// Packed nibbles; kWhole says that a block lies inside one group, kZeros that something is added to (q - 8) s: (8 - z) s
// or o + 8 s.
template <class S, bool kWhole, bool kZeros>
struct U4Reader {
  static constexpr int kBesideFour = 2;
  using Input = float;
  using Sum = float;
  const uint8_t* words;
  const float* scales;
  const float* zeros;
  int64_t row_bytes;
  int32_t groups, group;

  struct Scales {
    int32_t index[8];
  };
  struct Block {
    typename S::I words;
    const float *scales, *zeros;
    const Scales* at;
    typename S::F scale;
    template <int I>
    SMQ_MEMBER typename S::F step() const {
      const auto q = S::template nibbles<I>(words);
      const auto s = kWhole ? scale : S::set(scales[at->index[I]]);
      // The product is exact, so that one rounding is left: none, where (q - z) s has at most 16 bits.
      return kZeros ? S::fma(q, s, S::set(zeros[at->index[kWhole ? 0 : I]])) : S::mul(q, s);
    }
  };
  SMQ_MEMBER void select(Scales& at, int32_t b) const {
    if (kWhole) {
      at.index[0] = b * kBlock / group;
      return;
    }
    for (int32_t i = 0; i < 8; ++i) {
      const int32_t index = (b * kBlock + 8 * i) / group;
      at.index[i] = index < groups ? index : groups - 1;
    }
  }
  SMQ_MEMBER Block block(int32_t output, int32_t b, const Scales& at) const {
    const int64_t from = int64_t(output) * groups;
    const float* own = scales + from;
    const float* base = kZeros ? zeros + from : nullptr;
    const uint8_t* p = words + output * row_bytes + int64_t(b) * 32;
    return {S::load_words(reinterpret_cast<const uint32_t*>(p)), own, base, &at,
            S::set(own[at.index[0]])};
  }
  // k is a multiple of eight, so there is never a rest.
  SMQ_MEMBER typename S::F rest(int32_t, int32_t, int32_t) const { return S::zero(); }
};

}  // namespace smq

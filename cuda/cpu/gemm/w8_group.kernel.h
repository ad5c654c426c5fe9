// Eight-bit weights in groups, w = q s or q s + o. Packed: i8 [n, k] as they are stored, behind them f16
// [n, k / group] scales and, where offsets are stored, as many of those.
#pragma once

#include "gemm/readers.kernel.h"

namespace smq {

// Where the parts of a packed weight lie; its offsets, where it has any.
struct GroupWeight {
  const int8_t* q;
  const f16 *scales, *offsets;
};

SMQ_INLINE GroupWeight group_weight(const void* w, int32_t n, int32_t k, int32_t group) {
  const int8_t* q = static_cast<const int8_t*>(w);
  const f16* scales = reinterpret_cast<const f16*>(q + int64_t(n) * k);
  return {q, scales, scales + int64_t(n) * (k / group)};
}

template <class S, int kGroup, bool kOffsets>
struct GroupReader {
  static constexpr int kBesideFour = 2;
  using Input = float;
  using Sum = float;
  const int8_t* q;
  const f16 *scales, *offsets;
  int64_t k, groups;

  struct Block {
    const int8_t* q;
    const f16 *scales, *offsets;
    template <int I>
    SMQ_MEMBER typename S::F step() const {
      const auto s = S::broadcast(scales + 8 * I / kGroup);
      const auto w = S::load(q + 8 * I);
      // The product is exact, so that at most one rounding is left.
      return kOffsets ? S::fma(w, s, S::broadcast(offsets + 8 * I / kGroup)) : S::mul(w, s);
    }
  };
  struct Scales {};
  SMQ_MEMBER void select(Scales&, int32_t) const {}
  SMQ_MEMBER Block block(int32_t output, int32_t b, const Scales&) const {
    const int64_t group = output * groups + b * (kBlock / kGroup);
    return {q + output * k + int64_t(b) * kBlock, scales + group, offsets + group};
  }
  // k is a multiple of 32, so there is never a rest.
  SMQ_MEMBER typename S::F rest(int32_t, int32_t, int32_t) const { return S::zero(); }
};

}  // namespace smq

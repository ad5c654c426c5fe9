// Rows of weights as f32. A reader hands out those of outputs first..first+N-1: `block(b)`
// fetches 64 inputs, `step<I>` widens eight of them.
#pragma once

#include "common/abi.h"
#include "kernels.h"
#include "simd/math.h"

namespace smq {

constexpr int32_t kBlock = 64;  // inputs in one block: eight steps of eight

// Rows of weights of dtype T.
template <class S, class T>
struct RowReader {
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

}  // namespace smq

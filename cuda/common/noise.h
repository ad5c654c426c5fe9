// Gumbel noise by position and token: the same wherever a row stands and whoever asks.
#pragma once

#include <cmath>
#include <cstdint>

#include "common/address.h"

namespace smq {

// Four words of random bits (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
struct Bits4 {
  uint32_t word[4];
};

// Philox4x32-10.
SMQ_ANYWHERE inline Bits4 philox(uint32_t key0, uint32_t key1, uint32_t c0, uint32_t c1, uint32_t c2 = 0,
                          uint32_t c3 = 0) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t(0xd2511f53u) * c0;
    const uint64_t b = uint64_t(0xcd9e8d57u) * c2;
    c0 = uint32_t(b >> 32) ^ c1 ^ key0;
    c1 = uint32_t(b);
    c2 = uint32_t(a >> 32) ^ c3 ^ key1;
    c3 = uint32_t(a);
    key0 += 0x9e3779b9u;
    key1 += 0xbb67ae85u;
  }
  return {{c0, c1, c2, c3}};
}

// -log(-log u). Through log1p, as the likely winners have a u near 1: there the distance to 1 is what has to be
// exact, so the bits count from that end.
SMQ_ANYWHERE inline float gumbel(uint32_t bits) {
  const float from_one = fminf((float(bits) + 0.5f) * 0x1p-32f, 1.0f - 0x1p-24f);
  return -logf(-log1pf(-from_one));
}

}  // namespace smq

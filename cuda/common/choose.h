// What both libraries take from the settings of smq_choose.
#pragma once

#include <cstdint>
#include <cstring>

#include "common/abi.h"
#include "common/noise.h"

namespace smq {

struct ChooseSettings {
  float temperature, top_p, min_p, repetition, presence, frequency;
  int32_t top_k, bias, generated;
  uint32_t seed0, seed1;
  bool scores;

  SMQ_ANYWHERE bool penalizes() const {
    return repetition != 1.0f || presence != 0.0f || frequency != 0.0f;
  }
  // Whether anything but the logits says which tokens are likely to be chosen.
  SMQ_ANYWHERE bool changes() const { return temperature > 0.0f || bias > 0 || penalizes(); }
  // Whether some entries are not kept, which takes more than one look at a row.
  SMQ_ANYWHERE bool cuts() const {
    return temperature > 0.0f && (top_k > 0 || top_p < 1.0f || min_p > 0.0f);
  }
};

SMQ_ANYWHERE inline ChooseSettings choose_settings(const int32_t* words) {
  const auto real = [&](int place) {
    float x;
    memcpy(&x, words + place, 4);
    return x;
  };
  return {real(SMQ_SETTING_TEMPERATURE),
          real(SMQ_SETTING_TOP_P),
          real(SMQ_SETTING_MIN_P),
          real(SMQ_SETTING_REPETITION),
          real(SMQ_SETTING_PRESENCE),
          real(SMQ_SETTING_FREQUENCY),
          words[SMQ_SETTING_TOP_K],
          words[SMQ_SETTING_BIAS],
          words[SMQ_SETTING_GENERATED],
          uint32_t(words[SMQ_SETTING_SEED]),
          uint32_t(words[SMQ_SETTING_SEED + 1]),
          words[SMQ_SETTING_SCORES] != 0};
}

// What a token's count among the text's says: kSeen where it is anywhere, and how often it was generated.
constexpr uint32_t kSeen = 0x80000000u;

SMQ_ANYWHERE inline float penalized(float x, uint32_t count, const ChooseSettings& s) {
  if (count == 0) return x;
  x = x > 0 ? x / s.repetition : x * s.repetition;
  const uint32_t generated = count & ~kSeen;
  if (generated > 0) x -= s.presence;
  return x - s.frequency * float(generated);
}

// A number as an integer of the same order; NaN is below every number.
SMQ_ANYWHERE inline uint32_t order_of(float x) {
  if (!(x == x)) return 0;
  uint32_t bits;
  x += 0.0f;  // -0 equals 0
  memcpy(&bits, &x, 4);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// e^(x - largest), at most 1, in units of which sums are exact.
constexpr float kMassUnit = 0x1p40f;
SMQ_ANYWHERE inline uint64_t mass_of(float share) { return uint64_t(share * kMassUnit); }

}  // namespace smq

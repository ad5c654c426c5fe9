// How quantized weights are packed: panels of eight outputs, one a lane, behind one another, so that a product
// reads one stream. A panel is a head (scales and what else an output or its groups have) and words: 32 bytes
// hold, lane by lane, eight inputs of four bits or four of eight. A panel that outputs do not fill holds
// anything in the lanes left over.
#pragma once

#include <cstdint>

#include "half.h"

namespace smq {

constexpr int32_t kLanes = 8;
constexpr int32_t kStep = 8;  // inputs that are taken together

// What a packed weight looks like; sizes in bytes.
struct LaneLayout {
  int64_t head, panel;
  int32_t groups;
  bool nibbles;

  SMQ_MEMBER int64_t bytes(int64_t outputs) const { return (outputs + kLanes - 1) / kLanes * panel; }
  SMQ_MEMBER int64_t start(int64_t output) const { return output / kLanes * panel; }
  // Where the byte of an input lies. Nibbles share theirs with the input four further, which is in the upper half.
  SMQ_MEMBER int64_t place(int64_t output, int64_t input) const {
    const int64_t lane = output % kLanes * 4;
    return start(output) + head + input / (nibbles ? 8 : 4) * 32 + lane + input % 4;
  }
  // Where, among f16 [arrays][groups][lanes] at the start of a head, that of an output's group lies.
  SMQ_MEMBER int64_t group_place(int64_t output, int64_t group, int32_t array) const {
    return start(output) + ((int64_t(array) * groups + group) * kLanes + output % kLanes) * 2;
  }
};

// Four bits in groups: `arrays` of f16 for each.
SMQ_INLINE LaneLayout u4_layout(int32_t k, int32_t group, int32_t arrays) {
  const int32_t groups = int32_t((int64_t(k) + group - 1) / group);
  const int64_t head = (int64_t(groups) * arrays * kLanes * 2 + 31) / 32 * 32;
  return {head, head + int64_t(k) / 8 * 32, groups, true};
}

// Eight bits in groups.
SMQ_INLINE LaneLayout i8_group_layout(int32_t k, int32_t group, int32_t arrays) {
  const int64_t head = (int64_t(k / group) * arrays * kLanes * 2 + 31) / 32 * 32;
  return {head, head + int64_t(k) / 4 * 32, k / group, false};
}

// Eight bits with f32 [2][lanes] in front: scales, and NaN for each output that holds the code of NaN in
// e4m3, else 0.
SMQ_INLINE LaneLayout w8_layout(int32_t k) {
  const int64_t head = 2 * kLanes * 4;
  return {head, head + int64_t(k) / 4 * 32, 1, false};
}

}  // namespace smq

// What becomes of the tiles of a product of many rows that are left over behind whole rounds: by the steps that it takes.
#pragma once

#include <algorithm>
#include <cstdint>

namespace smq {

// Steps along the inputs that are worth a block's own start and end.
constexpr int64_t kLeastSteps = 8;

constexpr int64_t kNever = INT64_MAX;

// What sharing a tile costs, in steps, beside those that it spares; kNever for what a product does not do.
struct SharingCosts {
  int64_t parts;    // written, waited for, read, added: of tiles that are spread
  int64_t meeting;  // of two blocks that have half of a tile's inputs each
};

// Steps of the busiest multiprocessor, by who computes the tiles that are left over: a block each, in one more round, of
// which a part of the card idles; all blocks, equal parts of them; or two blocks each, where those are enough. A kernel that
// knows parts has fewer registers for its loop and more code: a fortieth of all steps. Fitted to whole prompts of 8B on an
// H200, 96 to 2,048 rows: docs/adr/0045, 0061.
struct TileSteps {
  int64_t whole, spread, paired;
};

inline TileSteps steps_of(int64_t tiles, int64_t steps, int64_t multiprocessors, const SharingCosts& costs) {
  constexpr int64_t kSlower = 40;
  const int64_t rest = tiles % multiprocessors, before = tiles / multiprocessors * steps;
  TileSteps by{before + (rest > 0 ? steps : 0), kNever, kNever};
  if (rest > 0 && costs.parts < kNever) {
    const int64_t part = std::max((rest * steps + multiprocessors - 1) / multiprocessors, kLeastSteps);
    by.spread = before + part + (before + part) / kSlower + costs.parts;
  }
  const int64_t even = multiprocessors / 2 * 2, left = even > 0 ? tiles % even : 0;
  if (left > 0 && 2 * left <= even && steps / 2 >= kLeastSteps && costs.meeting < kNever) {
    by.paired = tiles / even * steps + (steps + 1) / 2 + costs.meeting;
  }
  return by;
}

}  // namespace smq

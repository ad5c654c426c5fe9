// Whether the tiles of a product of many rows that are left over behind whole rounds are worth being spread over the
// card.
#pragma once

#include <algorithm>
#include <cstdint>

namespace smq {

// Steps along the inputs that are worth a block's own start and end.
constexpr int64_t kLeastSteps = 8;

// A round is a tile of `steps` for each multiprocessor. Tiles left over cost one more round, of which a part idles;
// spread, they cost their share of it. What that spares must be more than it takes: `lost`, the steps that a product's
// parts cost (written, waited for, read, added), and a fortieth of all steps, as a kernel that knows parts has fewer
// registers for its loop and more code. So tiles stay whole where little of the last round idles, where a round is
// short, and where it is one of many. Fitted to whole prompts of 8B on an H200, 96 to 1,024 rows: ADR 45.
inline bool worth_spreading(int64_t tiles, int64_t steps, int64_t multiprocessors, int64_t lost) {
  constexpr int64_t kSlower = 40;
  const int64_t rest = tiles % multiprocessors, rounds = tiles / multiprocessors;
  const int64_t part = std::max((rest * steps + multiprocessors - 1) / multiprocessors, kLeastSteps);
  return rest > 0 && steps - part >= lost + (rounds * steps + part) / kSlower;
}

}  // namespace smq

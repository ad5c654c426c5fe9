// Device memory that grows in place.
#pragma once

#include "context.cuh"

namespace smq {

// Gives back a range of addresses and all memory behind it.
void unmap(uint64_t address, const Range& range);

// Says what was requested and what is free.
int32_t out_of_memory(int64_t bytes);

}  // namespace smq

// Sequences side by side whose rows are one launch: see company.cu.
#pragma once

#include <vector>

#include "context.cuh"

namespace smq {

// A forward has no more rows, and a kernel's arguments hold as many sequences.
constexpr size_t kMostCompany = 64;

// Whether this waits for company from now on; its launch is then queue_company's.
bool joins_company(smq_context* ctx, const RopeKv& args);
// The same, of the rows whose rotation has joined last. With `scale` as kernels have it.
bool joins_company(smq_context* ctx, const Attention& args);

// Whether its addresses allow two elements at a time.
bool rotates_pairs(const RopeKv& args);
// Two or more rotations that are alike and apart, as one kernel.
void queue_rotations(smq_context* ctx, const std::vector<RopeKv>& all);
// One attention, by the kernels that suit it.
int32_t queue_attention(smq_context* ctx, const Attention& args);
// Two or more, right behind their rotations, of one row each.
void attention_of_company_64(smq_context* ctx, const std::vector<Attention>& all);
void attention_of_company_128(smq_context* ctx, const std::vector<Attention>& all);
// The same of several.
void attention_of_several_64(smq_context* ctx, const std::vector<Attention>& all);
void attention_of_several_128(smq_context* ctx, const std::vector<Attention>& all);

}  // namespace smq

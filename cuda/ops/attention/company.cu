// Rotations and attentions of few rows each that come one behind the other, of sequences side by side in a forward, each
// with caches of its own. None reads what another writes, so all rotations are one launch and all attentions another;
// alone, each would be latency and little else. They are held back until something else comes (docs/adr/0054, 0055).
#include <array>
#include <utility>

#include "ops/attention/attention_one_fits.cuh"
#include "ops/attention/attention_several_fits.cuh"
#include "ops/attention/company.cuh"
#include "ops/parts.cuh"

namespace smq {
namespace {

// Whether two rotations differ in nothing but where their rows and caches are.
bool alike(const RopeKv& a, const RopeKv& b) {
  return a.table == b.table && a.q_norm == b.q_norm && a.k_norm == b.k_norm && a.positions == b.positions &&
         a.position_offset == b.position_offset && a.slot_offset == b.slot_offset && a.heads == b.heads &&
         a.kv_heads == b.kv_heads && a.head_dim == b.head_dim && a.dtype == b.dtype && a.eps == b.eps && a.m == b.m;
}

bool alike(const Attention& a, const Attention& b) {
  return a.mask_words == b.mask_words && a.slot_offset == b.slot_offset && a.window == b.window &&
         a.heads == b.heads && a.kv_heads == b.kv_heads && a.head_dim == b.head_dim && a.dtype == b.dtype &&
         a.scale == b.scale;
}

// Bytes from an address on.
struct Range {
  uint64_t from, bytes;

  Range(const void* at, int64_t elements) : from(reinterpret_cast<uint64_t>(at)), bytes(2 * uint64_t(elements)) {}
  bool meets(const Range& other) const { return from < other.from + other.bytes && other.from < from + bytes; }
};

// What a sequence's rotation and attention read and write, but for what the latter gives.
std::array<Range, 3> ranges(const RopeKv& of) {
  const int64_t width = int64_t(of.kv_heads) * of.head_dim, row = int64_t(of.heads) * of.head_dim + 2 * width;
  return {Range(of.qkv, of.m * row), Range(of.k_cache, of.slots * width), Range(of.v_cache, of.slots * width)};
}

Range range(const Attention& of) { return Range(of.out, int64_t(of.m) * of.heads * of.head_dim); }

// Whether what the one writes is nothing that the other reads or writes.
bool apart(const RopeKv& a, const RopeKv& b) {
  for (const Range& mine : ranges(a)) {
    for (const Range& theirs : ranges(b)) {
      if (mine.meets(theirs)) return false;
    }
  }
  return true;
}

bool apart(const Attention& a, const RopeKv& b) {
  for (const Range& theirs : ranges(b)) {
    if (range(a).meets(theirs)) return false;
  }
  return true;
}

bool serves(const smq_context* ctx, const RopeKv& args) {
  return one_row_serves(ctx, args.m, args.heads, args.kv_heads, args.head_dim, args.cache) ||
         several_rows_fit(args.m, args.heads, args.kv_heads, args.head_dim, args.slots, args.cache);
}

bool fits(const Company& company, const RopeKv& args) {
  if (company.empty()) return true;
  if (company.attentions.size() != company.rotations.size() || company.rotations.size() == kMostCompany) return false;
  for (const RopeKv& other : company.rotations) {
    if (!alike(other, args) || !apart(other, args)) return false;
  }
  for (const Attention& other : company.attentions) {
    if (!apart(other, args)) return false;
  }
  return true;
}

// `args` is of the last of the rotations.
bool fits(const Company& company, const Attention& args) {
  if (!is_rotated_by(company.rotations.back(), args)) return false;
  for (size_t i = 0; i < company.attentions.size(); ++i) {
    const Attention& other = company.attentions[i];
    if (!alike(other, args) || range(other).meets(range(args)) || !apart(args, company.rotations[i])) return false;
  }
  return true;
}

}  // namespace

bool joins_company(smq_context* ctx, const RopeKv& args) {
  if (ctx->dead || args.slot_offset < 0 || args.heads % args.kv_heads != 0) return false;
  if (!rotates_pairs(args) || !serves(ctx, args)) return false;
  if (!fits(ctx->company, args)) queue_company(ctx);
  ctx->company.rotations.push_back(args);
  return true;
}

bool joins_company(smq_context* ctx, const Attention& args) {
  Company& company = ctx->company;
  if (ctx->dead || company.rotations.size() != company.attentions.size() + 1) return false;
  if (!fits(company, args)) return false;
  company.attentions.push_back(args);
  return true;
}

void queue_company(smq_context* ctx) {
  const Company company = std::exchange(ctx->company, {});
  const auto& [rotations, attentions] = company;
  if (rotations.size() == 1) {
    queue_rotation(ctx, rotations[0]);
    if (!attentions.empty()) queue_attention(ctx, attentions[0]);
    return;
  }
  queue_rotations(ctx, rotations);
  // The last one may have come without its attention.
  if (attentions.size() == 1) {
    queue_attention(ctx, attentions[0]);
  } else if (attentions[0].m == 1) {
    if (attentions[0].head_dim == 64) attention_of_company_64(ctx, attentions);
    else attention_of_company_128(ctx, attentions);
  } else {
    if (attentions[0].head_dim == 64) attention_of_several_64(ctx, attentions);
    else attention_of_several_128(ctx, attentions);
  }
}

}  // namespace smq

// The choice of one row's token.
#pragma once

#include <algorithm>

#include "common/choose.h"
#include "simd/math.h"
#include "simd/noise.h"

namespace smq {

// The index of the largest entry, the lowest among equals; -1 where none is above -infinity. Passes over NaN.
template <class S>
int32_t largest_entry(const float* x, int32_t count) {
  float best = -__builtin_inff();
  int32_t at = -1;
  int32_t i = 0;
  const auto visit = [&](int32_t j) {
    if (x[j] > best) {
      best = x[j];
      at = j;
    }
  };
  for (; i + 8 <= count; i += 8) {
    if (!S::greater(S::load(x + i), S::set(best))) continue;
    for (int32_t j = i; j < i + 8; ++j) visit(j);
  }
  for (; i < count; ++i) visit(i);
  return at;
}

template <class S>
bool has_nan(const float* x, int32_t count) {
  // 0 x is NaN for NaN and infinities alone, which are then looked at one by one.
  auto sum = S::zero();
  int32_t i = 0;
  for (; i + 8 <= count; i += 8) sum = S::fma(S::load(x + i), S::zero(), sum);
  const float total = S::sum(sum);
  if (total == total) {
    for (; i < count; ++i) if (!(x[i] == x[i])) return true;
    return false;
  }
  for (i = 0; i < count; ++i) if (!(x[i] == x[i])) return true;
  return false;
}

// How often the text of row i has each entry's token, in `counts`, which is zero before.
SMQ_INLINE void count_text(const Choose& args, const ChooseSettings& s, int64_t i, uint32_t* counts) {
  const int64_t length = std::max(*args.cache_length, 0);
  const auto add = [&](int32_t token, int64_t position) {
    const int32_t id = args.map.entry_of(token);
    if (id < 0 || id >= args.chosen_from) return;
    counts[id] = (counts[id] | kSeen) + (position >= s.generated ? 1 : 0);
  };
  const int64_t end = args.tokens ? length : length + i + 1;
  for (int64_t p = 0; p < end; ++p) add(args.history[p], p);
  if (!args.tokens) return;
  for (int32_t j = 0; j < args.m; ++j) {
    if (args.mask[i] >> j & 1) add(args.tokens[j], length + args.depths[j]);
  }
}

// Entries below `order` are not kept, nor are those equal to it with an id above `last`.
struct Cut {
  uint32_t order = 0;
  int32_t last = INT32_MAX;
  bool keeps(uint32_t value, int32_t id) const {
    return value > order || (value == order && id <= last);
  }
};

// The largest order at which the weights of all entries from it up reach `wanted`, and what those above it weigh.
template <class Weight>
uint32_t order_reaching(const float* x, int32_t count, uint64_t wanted, uint64_t* above,
                        const Weight& weight) {
  uint32_t found = 0;
  uint64_t sum = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    uint64_t bins[256] = {};
    for (int32_t i = 0; i < count; ++i) {
      const uint32_t order = order_of(x[i]);
      if (shift < 24 && (order ^ found) >> (shift + 8)) continue;
      bins[order >> shift & 255] += weight(i);
    }
    int bin = 255;
    for (; bin > 0 && sum + bins[bin] < wanted; --bin) sum += bins[bin];
    found |= uint32_t(bin) << shift;
  }
  *above = sum;
  return found;
}

// `shares` is scratch for `count` numbers: e^(x - largest) of each entry.
template <class S>
Cut cut_of(const float* x, int32_t count, float largest, const ChooseSettings& s, float* shares) {
  Cut cut;
  uint64_t above;
  if (s.top_k > 0 && s.top_k < count) {
    // Ties with the k-th are kept, as they are by transformers.
    cut.order = order_reaching(x, count, uint64_t(s.top_k), &above, [](int32_t) { return 1; });
  }
  if (s.top_p < 1.0f || s.min_p > 0.0f) {
    const auto shift = S::set(largest);
    int32_t i = 0;
    for (; i + 8 <= count; i += 8) S::store(shares + i, exp<S>(S::sub(S::load(x + i), shift)));
    for (; i < count; ++i) shares[i] = exp_one<S>(x[i] - largest);
    // Where both are infinite, their difference is NaN.
    for (i = 0; i < count; ++i) if (x[i] == largest) shares[i] = 1.0f;
  }
  if (s.top_p < 1.0f) {
    const auto mass = [&](int32_t i) -> uint64_t {
      return order_of(x[i]) >= cut.order ? mass_of(shares[i]) : 0;
    };
    uint64_t total = 0;
    for (int32_t i = 0; i < count; ++i) total += mass(i);
    const uint64_t wanted = std::max<uint64_t>(1, uint64_t(__builtin_ceil(double(s.top_p) * double(total))));
    const uint32_t order = order_reaching(x, count, wanted, &above, mass);
    if (order >= cut.order) {
      // Of equal entries the lower ids are kept, as many as it takes.
      cut.order = order;
      int32_t last = -1;
      for (int32_t i = 0; i < count && above < wanted; ++i) {
        if (order_of(x[i]) != order) continue;
        const uint64_t each = mass(i);
        above += each;
        last = i;
        if (each == 0) break;
      }
      cut.last = last;
    }
  }
  if (s.min_p > 0.0f) {
    // The lowest entry that is large enough, since shares rise with entries.
    uint32_t lowest = order_of(largest);
    for (int32_t i = 0; i < count; ++i) {
      if (shares[i] >= s.min_p) lowest = std::min(lowest, order_of(x[i]));
    }
    if (lowest > cut.order) cut = {lowest, INT32_MAX};
  }
  return cut;
}

// Bias, penalties and mask of row i, in `x`.
SMQ_INLINE void process_row(const Choose& args, const ChooseSettings& s, int64_t i, float* x,
                            uint32_t* counts) {
  const int32_t count = args.chosen_from;
  for (int32_t j = 0; j < s.bias; ++j) {
    const int32_t id = args.map.entry_of(args.bias_ids[j]);
    if (id >= 0 && id < count) x[id] += args.bias_values[j];
  }
  if (s.penalizes()) {
    std::fill_n(counts, count, 0);
    count_text(args, s, i, counts);
    for (int32_t id = 0; id < count; ++id) x[id] = penalized(x[id], counts[id], s);
  }
  if (args.allowed) {
    const uint32_t* words = args.allowed + i * ((int64_t(args.vocab) + 31) / 32);
    for (int32_t id = 0; id < count; ++id) {
      if (!(words[id / 32] >> (id % 32) & 1)) x[id] = -__builtin_inff();
    }
  }
}

// The index of the largest entry with its noise; -1 where none is above -infinity.
template <class S>
int32_t draw(const float* x, int32_t count, int64_t position, const ChooseSettings& s) {
  float best = -__builtin_inff();
  int32_t at = -1;
  float sums[kNoise];
  for (int32_t first = 0; first < count; first += kNoise) {
    const int32_t end = std::min(first + kNoise, count);
    // Where entries are cut, most blocks hold none.
    if (!std::any_of(x + first, x + end, [](float e) { return e > -__builtin_inff(); })) continue;
    noise<S>(sums, s.seed0, s.seed1, uint32_t(position), uint32_t(first));
    for (int32_t i = first; i < end; ++i) sums[i - first] += x[i];
    for (int32_t i = first; i < end; ++i) {
      if (!(sums[i - first] > best)) continue;
      best = sums[i - first];
      at = i;
    }
  }
  return at;
}

template <class S>
void choose_row(const Choose& args, int64_t i, uint32_t* counts) {
  const ChooseSettings s = choose_settings(args.settings);
  const int32_t count = args.chosen_from;
  const float none = -__builtin_inff();
  const float* logits = args.logits + i * args.vocab;
  int32_t& choice = args.choice[i];
  if (has_nan<S>(logits, count)) {
    choice = SMQ_CHOICE_NAN;
    return;
  }
  if (!s.changes() && !args.allowed && !s.scores) {
    choice = largest_entry<S>(logits, count);
    if (choice < 0) choice = SMQ_CHOICE_NONE;
    return;
  }
  float* x = args.scores + i * args.vocab;
  std::copy_n(logits, count, x);
  std::fill(x + count, x + args.vocab, none);
  process_row(args, s, i, x, counts);
  const int32_t top = largest_entry<S>(x, count);
  if (top < 0 || s.temperature == 0.0f) {
    choice = top < 0 ? SMQ_CHOICE_NONE : top;
    return;
  }
  for (int32_t id = 0; id < count; ++id) x[id] /= s.temperature;
  if (s.cuts()) {
    const Cut cut = cut_of<S>(x, count, x[top], s, reinterpret_cast<float*>(counts));
    for (int32_t id = 0; id < count; ++id) {
      if (!cut.keeps(order_of(x[id]), id)) x[id] = none;
    }
  }
  const int64_t position = std::max(*args.cache_length, 0) + (args.depths ? args.depths[i] : i) + 1;
  // What is finite may not be so any more after it is divided.
  const int32_t token = draw<S>(x, count, position, s);
  choice = token < 0 ? SMQ_CHOICE_NONE : token;
}

// What a drafter's logits in row i say of the choice of the token that is to stand `offset + i * step` behind the cache's
// end, in place: their softmax is the chance of each token if the head errs by Gumbel noise of scale 1. That error does not
// change with the temperature, so the noise is scaled to the logits and not the reverse.
template <class S>
void expect_row(const Choose& args, int32_t offset, int32_t step, int64_t i, uint32_t* counts) {
  const ChooseSettings s = choose_settings(args.settings);
  if (!s.changes()) return;
  float* x = args.scores + i * args.vocab;
  process_row(args, s, i * step, x, counts);
  if (s.temperature == 0.0f) return;
  const int64_t position = std::max(*args.cache_length, 0) + offset + i * step;
  float noises[kNoise];
  if (args.map.tokens) {
    int32_t held = -1;
    for (int32_t id = 0; id < args.chosen_from; ++id) {
      const int32_t token = args.map.tokens[id];
      if (token / kNoise != held) {
        held = token / kNoise;
        noise<S>(noises, s.seed0, s.seed1, uint32_t(position), uint32_t(held * kNoise));
      }
      x[id] += s.temperature * noises[token % kNoise];
    }
    return;
  }
  for (int32_t first = 0; first < args.chosen_from; first += kNoise) {
    noise<S>(noises, s.seed0, s.seed1, uint32_t(position), uint32_t(first));
    const int32_t end = std::min(first + kNoise, args.chosen_from);
    for (int32_t id = first; id < end; ++id) x[id] += s.temperature * noises[id - first];
  }
}

}  // namespace smq

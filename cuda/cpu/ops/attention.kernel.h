// Attention of one row and one kv head with its group of q heads. The pairs that the row attends to
// are taken by their place in the row's own list, kChunk at a time, with a running softmax: where in
// the cache a pair lies does not touch the arithmetic.
#pragma once

#include "common/kv_cache.h"
#include "kernels.h"
#include "simd/math.h"

namespace smq {

constexpr int kChunk = 64;
constexpr int kSummed = 8;           // keys whose products are summed together
constexpr int kMaxGroup = 8;         // q heads that are worked on together
constexpr int32_t kAttentionDim = 512;  // largest head_dim
constexpr int kMaxMasked = 256;      // bits of SMQ_MAX_MASK words

// The slots that a row attends to: a run from `first` on, then a list.
struct Keys {
  int64_t first, run, count;
  int32_t listed;
  int64_t list[kMaxMasked];

  int64_t slot(int64_t index) const { return index < run ? first + index : list[index - run]; }
};

template <class S>
void find_keys(Keys& keys, const Attention& args, int64_t row) {
  int64_t length = args.cache_length[0];
  if (length < 0) length = 0;
  if (length > args.slots) length = args.slots;
  keys.listed = 0;
  keys.run = length;
  if (args.mask) {
    const uint64_t* words = args.mask + row * args.mask_words;
    for (int64_t j = 0; j < int64_t(args.mask_words) * 64; ++j) {
      if (words[j / 64] >> (j % 64) & 1 && length + j < args.slots) {
        keys.list[keys.listed++] = length + j;
      }
    }
  } else {
    keys.run += args.slot_offset + row + 1;
    if (keys.run > args.slots) keys.run = args.slots;
    if (keys.run < 0) keys.run = 0;
  }
  keys.first = 0;
  keys.count = keys.run + keys.listed;
  if (args.window <= 0 || keys.count <= args.window) return;
  const int64_t drop = keys.count - args.window;
  const int64_t from_run = drop < keys.run ? drop : keys.run;
  keys.first = from_run;
  keys.run -= from_run;
  const int32_t from_list = int32_t(drop - from_run);
  keys.listed -= from_list;
  for (int32_t j = 0; j < keys.listed; ++j) keys.list[j] = keys.list[j + from_list];
  keys.count = args.window;
}

// A key or a value of one pair: of the dtype of activations,
template <class S, class T>
struct Plainly {
  const T* at;

  SMQ_MEMBER Plainly() = default;
  SMQ_MEMBER Plainly(const uint8_t* slot, int32_t head, int32_t, int32_t d)
      : at(reinterpret_cast<const T*>(slot) + int64_t(head) * d) {}
  SMQ_MEMBER typename S::F load(int32_t c) const { return S::load(at + c); }
};
// or in 8 bits.
template <class S, class T>
struct Scaled {
  const int8_t* at;
  float scale;

  SMQ_MEMBER Scaled() = default;
  SMQ_MEMBER Scaled(const uint8_t* slot, int32_t head, int32_t kv_heads, int32_t d)
      : at(reinterpret_cast<const int8_t*>(slot) + int64_t(head) * d),
        scale(widen(reinterpret_cast<const T*>(slot + int64_t(kv_heads) * d)[head])) {}
  SMQ_MEMBER typename S::F load(int32_t c) const { return S::mul(S::load(at + c), S::set(scale)); }
};

// The lanes of q[g] . k[j], for `N` keys side by side.
template <class S, class P, int G, int N>
SMQ_INLINE void multiply_keys(float (*lanes)[kSummed][8], const float* q, const P* k, int j,
                              int32_t d) {
  typename S::F sums[G][N];
  for (int g = 0; g < G; ++g) {
    for (int n = 0; n < N; ++n) sums[g][n] = S::zero();
  }
  for (int32_t c = 0; c < d; c += 8) {
    for (int n = 0; n < N; ++n) {
      const auto key = k[j + n].load(c);
      for (int g = 0; g < G; ++g) sums[g][n] = S::fma(S::load(q + g * d + c), key, sums[g][n]);
    }
  }
  for (int g = 0; g < G; ++g) {
    for (int n = 0; n < N; ++n) S::store(lanes[g][(j + n) % kSummed], sums[g][n]);
  }
}

// scores[g][j] = q[g] . k[j] for the `count` keys of a chunk, whose lanes are summed eight keys at a time. What
// lies behind the last has no meaning.
template <class S, class P, int G>
SMQ_INLINE void score_keys(float (*scores)[kChunk], const float* q, const P* k, int count, int32_t d,
                           float scale) {
  constexpr int kKeys = G >= 4 ? 1 : 4 / G;
  float lanes[G][kSummed][8] = {};
  for (int from = 0; from < count; from += kSummed) {
    const int end = count - from < kSummed ? count : from + kSummed;
    int j = from;
    for (; j + kKeys <= end; j += kKeys) multiply_keys<S, P, G, kKeys>(lanes, q, k, j, d);
    for (; j < end; ++j) multiply_keys<S, P, G, 1>(lanes, q, k, j, d);
    for (int g = 0; g < G; ++g) {
      S::store(scores[g] + from, S::mul(S::sum_eight(lanes[g]), S::set(scale)));
    }
  }
}

// acc[g] += sum over j of p[g][j] * v[j], for the columns c..c+8N-1, in the order of j.
template <class S, class P, int G, int N>
SMQ_INLINE void add_values(float* acc, const float (*p)[kChunk], const P* v, int count,
                           int32_t c, int32_t d) {
  typename S::F sums[G][N];
  for (int g = 0; g < G; ++g) {
    for (int n = 0; n < N; ++n) sums[g][n] = S::load(acc + g * d + c + 8 * n);
  }
  for (int j = 0; j < count; ++j) {
    typename S::F value[N];
    for (int n = 0; n < N; ++n) value[n] = v[j].load(c + 8 * n);
    for (int g = 0; g < G; ++g) {
      const auto weight = S::set(p[g][j]);
      for (int n = 0; n < N; ++n) sums[g][n] = S::fma(weight, value[n], sums[g][n]);
    }
  }
  for (int g = 0; g < G; ++g) {
    for (int n = 0; n < N; ++n) S::store(acc + g * d + c + 8 * n, sums[g][n]);
  }
}

// Turns the scores of a chunk into weights relative to the running maximum, and scales what was summed
// so far when the maximum rises.
template <class S>
SMQ_INLINE void soften_chunk(float* scores, int count, float& largest, float& total, float* acc,
                             int32_t d) {
  const float none = -__builtin_inff();
  const int padded = (count + 7) / 8 * 8;
  for (int j = count; j < padded; ++j) scores[j] = none;
  float top = largest;
  for (int j = 0; j < count; ++j) top = scores[j] > top ? scores[j] : top;
  if (top > largest && total > 0) {
    const float shrink = exp_one<S>(largest - top);
    total *= shrink;
    for (int32_t c = 0; c < d; c += 8) {
      S::store(acc + c, S::mul(S::load(acc + c), S::set(shrink)));
    }
  }
  largest = top;
  auto sum = S::zero();
  for (int j = 0; j < padded; j += 8) {
    const auto weight = exp<S>(S::sub(S::load(scores + j), S::set(top)));
    S::store(scores + j, weight);
    sum = S::add(sum, weight);
  }
  total += S::sum(sum);
}

template <class S, class T, class P, int G>
void attend_group(const Attention& args, const Keys& keys, int64_t row, int32_t kv_head,
                  int32_t head) {
  const int32_t d = args.head_dim;
  const int64_t row_bytes = cache_row_bytes(args.kv_heads, d, args.cache);
  const uint8_t* k_cache = static_cast<const uint8_t*>(args.k_cache);
  const uint8_t* v_cache = static_cast<const uint8_t*>(args.v_cache);
  const T* q_row = static_cast<const T*>(args.qkv) +
                   (row * (int64_t(args.heads) + 2 * int64_t(args.kv_heads)) + head) * d;
  float q[G * kAttentionDim];
  float acc[G * kAttentionDim];
  float scores[G][kChunk];
  float largest[G];
  float total[G];
  for (int g = 0; g < G; ++g) {
    largest[g] = -__builtin_inff();
    total[g] = 0;
  }
  for (int32_t c = 0; c < G * d; c += 8) {
    S::store(q + c, S::load(q_row + c));
    S::store(acc + c, S::zero());
  }
  for (int64_t base = 0; base < keys.count; base += kChunk) {
    const int count = int(keys.count - base < kChunk ? keys.count - base : kChunk);
    P k[kChunk];
    P v[kChunk];
    for (int j = 0; j < count; ++j) {
      const int64_t offset = keys.slot(base + j) * row_bytes;
      k[j] = P(k_cache + offset, kv_head, args.kv_heads, d);
      v[j] = P(v_cache + offset, kv_head, args.kv_heads, d);
    }
    score_keys<S, P, G>(scores, q, k, count, d, args.scale);
    for (int g = 0; g < G; ++g) {
      soften_chunk<S>(scores[g], count, largest[g], total[g], acc + g * d, d);
    }
    constexpr int kColumns = G > 4 ? 1 : 2;
    int32_t c = 0;
    for (; c + 8 * kColumns <= d; c += 8 * kColumns) {
      add_values<S, P, G, kColumns>(acc, scores, v, count, c, d);
    }
    for (; c < d; c += 8) add_values<S, P, G, 1>(acc, scores, v, count, c, d);
  }
  T* out = static_cast<T*>(args.out) + (row * args.heads + head) * d;
  for (int g = 0; g < G; ++g) {
    const auto inverse = S::set(keys.count > 0 ? 1.0f / total[g] : 0.0f);
    for (int32_t c = 0; c < d; c += 8) {
      S::store(out + g * d + c, S::mul(S::load(acc + g * d + c), inverse));
    }
  }
}

template <class S, class T, class P>
void attention_tasks(const Attention& args, int64_t begin, int64_t end) {
  using Group = void (*)(const Attention&, const Keys&, int64_t, int32_t, int32_t);
  static constexpr Group groups[kMaxGroup] = {
      attend_group<S, T, P, 1>, attend_group<S, T, P, 2>, attend_group<S, T, P, 3>, attend_group<S, T, P, 4>,
      attend_group<S, T, P, 5>, attend_group<S, T, P, 6>, attend_group<S, T, P, 7>, attend_group<S, T, P, 8>};
  const int32_t group = args.heads / args.kv_heads;
  Keys keys;
  for (int64_t task = begin; task < end; ++task) {
    const int64_t row = task / args.kv_heads;
    const int32_t kv_head = int32_t(task % args.kv_heads);
    find_keys<S>(keys, args, row);
    for (int32_t g = 0; g < group; g += kMaxGroup) {
      const int32_t size = group - g < kMaxGroup ? group - g : kMaxGroup;
      groups[size - 1](args, keys, row, kv_head, kv_head * group + g);
    }
  }
}

}  // namespace smq

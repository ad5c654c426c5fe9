// Weights from the order of a file to the order that packing reads. For each layout, where element
// (output j, input i) lies in it.
#include "context.h"

using namespace smq;

namespace {

struct Stored {
  uint64_t address;
  int32_t n, k;

  uint32_t word(int64_t i) const { return at<const uint32_t>(address)[i]; }
  uint32_t byte(int64_t i) const { return at<const uint8_t>(address)[i]; }
};

// The place of element e in [0, 2, 4, 6, 1, 3, 5, 7].
int32_t evens_first(int32_t e) { return e / 2 + e % 2 * 4; }

uint32_t awq(const Stored& w, int32_t j, int32_t i) {
  return w.word(int64_t(i) * (w.n / 8) + j / 8) >> (4 * evens_first(j % 8));
}

uint32_t rows(const Stored& w, int32_t j, int32_t i) {
  return w.word(int64_t(j) * (w.k / 8) + i / 8) >> (4 * (i % 8));
}

// The word and the element of Marlin's tiles of 16 inputs and 64 outputs: 32 threads times four blocks of
// 16 outputs. A word has four inputs of one output, then those of the output 8 further.
struct Place {
  int64_t word;
  int32_t element;
};

Place place(const Stored& w, int32_t j, int32_t i, int32_t quarter, int32_t within) {
  const int32_t thread = j % 8 * 4 + quarter;
  const int64_t word = int64_t(i / 16) * 2 * w.n + j / 64 * 128 + thread * 4 + j % 64 / 16;
  return {word, j % 16 / 8 * 4 + within};
}

// Inputs as the tensor cores for f16 want them: 2 q, 2 q + 1, 2 q + 8 and 2 q + 9 in quarter q.
uint32_t marlin(const Stored& w, int32_t j, int32_t i) {
  const Place at = place(w, j, i, i % 8 / 2, i % 2 + i % 16 / 8 * 2);
  return w.word(at.word) >> (4 * evens_first(at.element));
}

// As those for i8 do: four inputs in a row.
uint32_t qqq_group(const Stored& w, int32_t j, int32_t i) {
  const Place at = place(w, j, i, i % 16 / 4, i % 4);
  return w.word(at.word) >> (4 * evens_first(at.element));
}

// The same in the order [4, 0, 5, 1, 6, 2, 7, 3], and signed.
uint32_t qqq(const Stored& w, int32_t j, int32_t i) {
  const Place at = place(w, j, i, i % 16 / 4, i % 4);
  const int32_t e = at.element;
  return w.word(at.word) >> (4 * (e < 4 ? 2 * e + 1 : 2 * e - 8)) ^ 8;
}

// Tiles of 32 outputs and 32 inputs. The lower 16 outputs are in the low nibbles, the others in the high
// ones; in a tile 8 outputs, 4 pieces of inputs, 2 halves of inputs, 2 halves of outputs, 4 inputs.
uint32_t qoq(const Stored& w, int32_t j, int32_t i) {
  const int64_t tile = int64_t(j / 32) * (w.k / 32) + i / 32;
  const int32_t thread = j % 8 * 4 + i % 16 / 4;
  const int32_t element = (i % 32 / 16 * 2 + j % 16 / 8) * 4 + i % 4;
  return w.byte(tile * 512 + thread * 16 + element) >> (4 * (j % 32 / 16));
}

uint32_t gptq8(const Stored& w, int32_t j, int32_t i) {
  return w.byte((int64_t(i / 4) * w.n + j) * 4 + i % 4) ^ 128;
}

uint32_t rows8(const Stored& w, int32_t j, int32_t i) {
  return w.byte(int64_t(j) * w.k + i) ^ 128;
}

using Element = uint32_t (*)(const Stored&, int32_t, int32_t);

// Inputs 8 r..8 r + 7 of all outputs.
template <Element kElement>
void nibble_row(const Stored& w, uint64_t out, int64_t r) {
  uint32_t* to = at<uint32_t>(out) + r * w.n;
  for (int32_t j = 0; j < w.n; ++j) {
    uint32_t word = 0;
    for (int32_t i = 0; i < 8; ++i) word |= (kElement(w, j, int32_t(r) * 8 + i) & 15) << (4 * i);
    to[j] = word;
  }
}

// All inputs of output j.
template <Element kElement>
void byte_row(const Stored& w, uint64_t out, int64_t j) {
  uint8_t* to = at<uint8_t>(out) + j * w.k;
  for (int32_t i = 0; i < w.k; ++i) to[i] = uint8_t(kElement(w, int32_t(j), i));
}

using Row = void (*)(const Stored&, uint64_t out, int64_t row);

// By layout.
constexpr Row kRows[] = {nibble_row<awq>, nibble_row<rows>,      nibble_row<marlin>,
                         nibble_row<qqq>, nibble_row<qqq_group>, nibble_row<qoq>,
                         byte_row<gptq8>, byte_row<rows8>};

}  // namespace

int32_t smq::run_unpack(smq_context* ctx, uint64_t out, uint64_t stored, int32_t layout, int32_t n,
                        int32_t k) {
  return submit(ctx, [=] {
    const bool bytes = layout == SMQ_LAYOUT_GPTQ8 || layout == SMQ_LAYOUT_ROWS8;
    const Row row = kRows[layout];
    ctx->pool.run(bytes ? n : k / 8, bytes ? k : 8.0 * n, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) row({stored, n, k}, out, i);
    });
  });
}

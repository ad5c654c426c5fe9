/**
 * The choice of a token, written plainly from its definition: what cuts and sums is in f64, and what the header
 * says of each entry is rounded to f32 as it says.
 *
 * @module
 */
import type { ChoiceOptions } from "../../src/speculation/mod.ts";

/** How a token is chosen. */
export interface ReferenceOptions extends ChoiceOptions {
  /** Position of the first token that was generated: 0 where absent. */
  readonly generated?: number;
}

/** The upper and the lower half of a product of two numbers of 32 bits. */
function product(a: number, b: number): [high: number, low: number] {
  const [a1, a0, b1, b0] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const middle = a1 * b0 + Math.floor(a0 * b0 / 65536);
  const cross = (middle % 65536) + a0 * b1;
  return [a1 * b1 + Math.floor(middle / 65536) + Math.floor(cross / 65536), Math.imul(a, b) >>> 0];
}

/** The four words of Philox4x32-10 of a counter (4 words) under a key (2 words). */
export function philox(key: readonly number[], counter: readonly number[]): number[] {
  let [key0, key1] = key;
  let [c0, c1, c2, c3] = counter;
  for (let round = 0; round < 10; round++) {
    const [aHigh, aLow] = product(0xd2511f53, c0);
    const [bHigh, bLow] = product(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(bHigh ^ c1 ^ key0) >>> 0, bLow, (aHigh ^ c3 ^ key1) >>> 0, aLow];
    key0 = (key0 + 0x9e3779b9) >>> 0;
    key1 = (key1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The Gumbel noise of the first `count` tokens at a position. */
export function noise(seed: number, position: number, count: number): Float64Array {
  const out = new Float64Array(count);
  const key = [seed % 2 ** 32, Math.floor(seed / 2 ** 32)];
  for (let t = 0; t < count; t += 4) {
    const words = philox(key, [position, t / 4, 0, 0]);
    for (let j = 0; j < 4 && t + j < count; j++) {
      out[t + j] = -Math.log(-Math.log1p(-(words[j] + 0.5) / 2 ** 32));
    }
  }
  return out;
}

/** How often each token stands in a text, and how often it was generated. */
export interface Counts {
  readonly all: Map<number, number>;
  readonly generated: Map<number, number>;
}

/** Counts of the tokens of a text, by position. */
export function counts(text: readonly number[], generated = 0): Counts {
  const found = { all: new Map<number, number>(), generated: new Map<number, number>() };
  text.forEach((token, position) => {
    found.all.set(token, (found.all.get(token) ?? 0) + 1);
    if (position >= generated) {
      found.generated.set(token, (found.generated.get(token) ?? 0) + 1);
    }
  });
  return found;
}

/** A row after bias, penalties, mask and temperature, in f32. */
export function processed(
  logits: ArrayLike<number>,
  options: ReferenceOptions,
  { all, generated }: Counts,
  allows: (token: number) => boolean = () => true,
): Float64Array {
  const { logitBias = {}, temperature = 0 } = options;
  const real = (value: number | undefined, otherwise: number) => Math.fround(value ?? otherwise);
  const repetition = real(options.repetitionPenalty, 1);
  const presence = real(options.presencePenalty, 0);
  const frequency = real(options.frequencyPenalty, 0);
  return Float64Array.from(logits, (logit, token) => {
    let x = Math.fround(logit + Math.fround(logitBias[token] ?? 0));
    if (all.has(token)) x = Math.fround(x > 0 ? x / repetition : x * repetition);
    const times = generated.get(token) ?? 0;
    if (times > 0) x = Math.fround(x - presence);
    x = Math.fround(x - Math.fround(frequency * times));
    if (!allows(token)) return -Infinity;
    return temperature === 0 ? x : Math.fround(x / Math.fround(temperature));
  });
}

const largest = (row: Float64Array): number => row.reduce((a, b) => Math.max(a, b), -Infinity);

/** A processed row with -infinity for what top-k, top-p and min-p do not keep, one after the other. */
export function cut(row: Float64Array, options: ReferenceOptions): Float64Array {
  const { temperature = 0, topK = 0 } = options;
  if (temperature === 0) return row;
  const topP = Math.fround(options.topP ?? 1);
  const minP = Math.fround(options.minP ?? 0);
  let out = row.slice();
  if (topK > 0 && topK < row.length) {
    const kth = row.slice().sort()[row.length - topK];
    out = out.map((x) => x >= kth ? x : -Infinity);
  }
  if (topP < 1) {
    const top = largest(out);
    const ids = Array.from(out, (_, id) => id).sort((a, b) =>
      out[a] === out[b] ? a - b : out[b] - out[a]
    );
    const share = (id: number) => out[id] === top ? 1 : Math.exp(out[id] - top);
    const total = ids.reduce((sum, id) => sum + share(id), 0);
    let before = 0;
    for (const [place, id] of ids.entries()) {
      const kept = place === 0 || before < topP * total;
      before += share(id);
      if (!kept) out[id] = -Infinity;
    }
  }
  if (minP > 0) {
    const top = largest(out);
    out = out.map((x) => x === top || Math.exp(x - top) >= minP ? x : -Infinity);
  }
  return out;
}

/** The lowest index of the largest number above -infinity; -1 where there is none. */
export function argmax(row: ArrayLike<number>): number {
  let best = -1;
  for (let i = 0; i < row.length; i++) {
    if (row[i] > (best < 0 ? -Infinity : row[best])) best = i;
  }
  return best;
}

/** The choice from a row that was processed and cut: with noise where the temperature is not 0. */
export function chosen(row: Float64Array, options: ReferenceOptions, position: number): number {
  if (!options.temperature) return argmax(row);
  const shift = noise(options.seed ?? 0, position, row.length);
  return argmax(row.map((x, token) => x + shift[token]));
}

/** The probability of each token of a row that was processed and cut. */
export function probabilities(row: Float64Array): Float64Array {
  const top = largest(row);
  const shares = row.map((x) => Math.exp(x - top));
  const total = shares.reduce((a, b) => a + b, 0);
  return shares.map((share) => share / total);
}

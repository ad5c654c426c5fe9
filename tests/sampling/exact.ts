/**
 * Texts of three tokens that a small model can say, their probabilities, and samples of them: what the tests of
 * exactness share.
 *
 * @module
 */
import { type Model, ModelState } from "../../src/model/mod.ts";
import { advance } from "../../src/ops/mod.ts";
import { Arena, type Device } from "../../src/device/mod.ts";
import { type Choosing, masks, type Rows, textOf } from "../choosing.ts";
import {
  counts,
  cut,
  probabilities,
  processed,
  type ReferenceOptions,
} from "../reference/choice.ts";
import { rowOf } from "../rig.ts";
import { goodness } from "./statistics.ts";

/** The vocabulary: all texts of two tokens are a tree of 1 + 7 + 49 rows. */
export const WORDS = 7;

/** Row 0, a row for each first token, and one for each second token after it. */
export const EVERY_TEXT: Rows = {
  tokens: [2, ...new Array(WORDS + WORDS * WORDS).keys()].map((row, i) =>
    i === 0 ? row : (i - 1) % WORDS
  ),
  parents: [
    -1,
    ...new Array(WORDS).fill(0),
    ...Array.from({ length: WORDS * WORDS }, (_, i) => 1 + Math.floor(i / WORDS)),
  ],
  depths: [0, ...new Array(WORDS).fill(1), ...new Array(WORDS * WORDS).fill(2)],
};

/** The row after a first token, or after two. */
export const rowAfter = (first: number, second?: number): number =>
  second === undefined ? 1 + first : 1 + WORDS + first * WORDS + second;

/** The index of a text of three tokens, from what is chosen after each row. */
export function textChosen(choice: (row: number) => number): number {
  const first = choice(0);
  const second = choice(rowAfter(first));
  return (first * WORDS + second) * WORDS + choice(rowAfter(first, second));
}

/** The logits of `model` after a prompt and each text of up to two tokens behind it. */
export function everyText(device: Device, model: Model, prompt: readonly number[]): Choosing {
  using arena = new Arena(device, "every text");
  const length = prompt.length - 1;
  const tree = { ...EVERY_TEXT, tokens: [prompt[length], ...EVERY_TEXT.tokens.slice(1)] };
  const m = tree.tokens.length;
  const i32 = (values: readonly number[]) =>
    arena.fromHost("i32", [values.length], Int32Array.from(values));
  using state = new ModelState(model, {
    context: prompt.length + 3,
    slots: prompt.length + m,
    rows: Math.max(m, length),
    logitsRows: m,
  });
  state.cache.ensure(prompt.length + m);
  state.setLength(0);
  const { cacheLength } = state;
  state.queueForward({ rows: length, cacheLength }, { tokens: i32(prompt), start: cacheLength });
  advance(device, cacheLength, length);
  const mask = arena.fromHost("u64", [m, 1], BigUint64Array.from(masks(tree)));
  const depths = i32(tree.depths);
  state.queueForward({ rows: m, cacheLength, depths, mask }, { tokens: i32(tree.tokens) });
  state.queueLogits(m);
  const logits = Float64Array.from(new Float32Array(device.download(state.logits).buffer));
  return { logits, m, vocab: WORDS, history: prompt, length, tree };
}

/** The scores of each row, and the probability of each text of three tokens. */
export function distribution(given: Choosing, options: ReferenceOptions) {
  const { logits, m, vocab } = given;
  const scores = Array.from({ length: m }, (_, i) => {
    const row = rowOf(Float64Array.from(logits), i, vocab);
    return cut(processed(row, options, counts(textOf(given, i), options.generated)), options);
  });
  const rows = scores.map(probabilities);
  const texts = new Float64Array(WORDS ** 3).map((_, text) => {
    const [a, b, c] = [
      Math.floor(text / WORDS ** 2),
      Math.floor(text / WORDS) % WORDS,
      text % WORDS,
    ];
    return rows[0][a] * rows[rowAfter(a)][b] * rows[rowAfter(a, b)][c];
  });
  return { scores, texts };
}

/** The smallest chance of what was counted of first tokens, of pairs and of whole texts. */
export function judge(found: Float64Array, texts: Float64Array): number {
  const sums = (of: Float64Array, width: number) =>
    new Float64Array(of.length / width).map((_, i) =>
      rowOf(of, i, width).reduce((a, b) => a + b, 0)
    );
  return Math.min(
    ...[WORDS ** 2, WORDS, 1].map((width) => goodness(sums(found, width), sums(texts, width))),
  );
}

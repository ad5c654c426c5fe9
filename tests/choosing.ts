/**
 * Rows of logits given to `choose`, and what it makes of them: what its tests share.
 *
 * @module
 */
import type { Tensor } from "../src/device/mod.ts";
import {
  choose,
  type ChooseOptions,
  SETTING_BIAS,
  SETTING_FREQUENCY,
  SETTING_GENERATED,
  SETTING_MIN_P,
  SETTING_PRESENCE,
  SETTING_REPETITION,
  SETTING_SCORES,
  SETTING_SEED,
  SETTING_TEMPERATURE,
  SETTING_TOP_K,
  SETTING_TOP_P,
  SETTINGS_WORDS,
} from "../src/ops/mod.ts";
import type { ReferenceOptions } from "./reference/choice.ts";
import type { Rig } from "./rig.ts";

/** The rows of a tree. */
export interface Rows {
  readonly tokens: readonly number[];
  readonly depths: readonly number[];
  /** The row of each one's parent, -1 for row 0. */
  readonly parents: readonly number[];
}

/** What is chosen from, and where in the text. */
export interface Choosing {
  /** Flat [m, vocab]. */
  readonly logits: ArrayLike<number>;
  readonly m: number;
  readonly vocab: number;
  readonly chosenFrom?: number;
  /** The token at each position; a 0 where absent. */
  readonly history?: readonly number[];
  readonly length?: number;
  readonly tree?: Rows;
  /** The tokens that each row allows. */
  readonly allowed?: readonly (readonly number[])[];
}

/** The words of the settings. */
export function settingsWords(options: ReferenceOptions, scores: boolean): Int32Array<ArrayBuffer> {
  const words = new Int32Array(SETTINGS_WORDS);
  const reals = new Float32Array(words.buffer);
  const { seed = 0 } = options;
  reals[SETTING_TEMPERATURE] = options.temperature ?? 0;
  words[SETTING_TOP_K] = options.topK ?? 0;
  reals[SETTING_TOP_P] = options.topP ?? 1;
  reals[SETTING_MIN_P] = options.minP ?? 0;
  reals[SETTING_REPETITION] = options.repetitionPenalty ?? 1;
  reals[SETTING_PRESENCE] = options.presencePenalty ?? 0;
  reals[SETTING_FREQUENCY] = options.frequencyPenalty ?? 0;
  words[SETTING_BIAS] = Object.keys(options.logitBias ?? {}).length;
  words[SETTING_SEED] = seed % 2 ** 32;
  words[SETTING_SEED + 1] = Math.floor(seed / 2 ** 32);
  words[SETTING_GENERATED] = options.generated ?? 0;
  words[SETTING_SCORES] = scores ? 1 : 0;
  return words;
}

/** The rows that row `i` descends from, outermost first, and itself. */
export function lineage({ parents }: Rows, i: number): number[] {
  return i < 0 ? [] : [...lineage({ parents } as Rows, parents[i]), i];
}

/** The masks of a tree: each row's ancestors and itself. */
export function masks(tree: Rows): bigint[] {
  return tree.parents.map((_, i) =>
    lineage(tree, i).reduce((mask, j) => mask | 1n << BigInt(j), 0n)
  );
}

/** The text that row `i` stands at the end of, itself included. */
export function textOf({ history = [0], length = 0, tree }: Choosing, i: number): number[] {
  return tree === undefined
    ? history.slice(0, length + i + 1)
    : [...history.slice(0, length), ...lineage(tree, i).map((row) => tree.tokens[row])];
}

/** Tensors for a call of `choose`. */
export function chooseOptions(
  rig: Rig,
  given: Choosing,
  options: ReferenceOptions,
  choice: Tensor<"i32">,
  scores: Tensor<"f32">,
  wanted: boolean,
): ChooseOptions {
  const { m, vocab, tree, allowed } = given;
  const bias = Object.entries(options.logitBias ?? {});
  const words = Math.ceil(vocab / 32);
  const bits = new Uint32Array(m * words);
  allowed?.forEach((tokens, i) => {
    for (const token of tokens) bits[i * words + (token >> 5)] |= 1 << (token & 31);
  });
  // Behind what is read lies what must not be.
  const ids = [...bias.map(([id]) => Number(id)), 0];
  const values = [...bias.map(([, value]) => value), 1e9];
  const history = given.history ?? new Int32Array((given.length ?? 0) + m);
  return {
    choice,
    scores,
    logits: rig.put("f32", [m, vocab], given.logits),
    settings: rig.put("i32", [SETTINGS_WORDS], settingsWords(options, wanted)),
    biasIds: rig.put("i32", [ids.length], ids),
    biasValues: rig.put("f32", [ids.length], values),
    chosenFrom: given.chosenFrom,
    allowed: allowed && rig.put("i32", [m, words], new Int32Array(bits.buffer)),
    history: rig.put("i32", [history.length], history),
    cacheLength: rig.counter(given.length ?? 0),
    tokens: tree && rig.put("i32", [m], tree.tokens),
    depths: tree && rig.put("i32", [m], tree.depths),
    mask: tree && rig.put("u64", [m, 1], masks(tree)),
  };
}

/** Chooses, and gives the choice and, where wanted, the scores (flat) and their bytes. */
export function runChoose(
  rig: Rig,
  given: Choosing,
  options: ReferenceOptions = {},
  wanted = false,
): { choice: number[]; scores: Float64Array; bytes: Uint8Array<ArrayBuffer> } {
  const { m, vocab } = given;
  const choice = rig.output("i32", [m]);
  const scores = rig.output("f32", [m, vocab]);
  choose(rig.device, chooseOptions(rig, given, options, choice.tensor, scores.tensor, wanted));
  const bytes = scores.bytes(!wanted);
  return {
    choice: [...choice.values()],
    scores: Float64Array.from(new Float32Array(bytes.buffer)),
    bytes,
  };
}

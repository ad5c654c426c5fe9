/**
 * How tokens are chosen: the options that users set, and the settings on the device that all levels of one text read.
 *
 * The token at position t is the largest of the target's processed scores plus Gumbel noise that depends on the seed,
 * t and the token alone: an exact sample, and the same one whatever proposed it (arXiv 2408.07978).
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { integer, type Kind, type Kinds, number, show } from "../../base/options.ts";
import { type Arena, type Device, rows, type Tensor } from "../../device/mod.ts";
import {
  type ChoiceSettings,
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
} from "../../ops/mod.ts";

/** Most tokens with a bias. */
export const MAX_BIAS = 1024;

/** How tokens are chosen; greedily where nothing is said. Options apply in the order of transformers' processors. */
export interface ChoiceOptions {
  /** Added to the logits of tokens, by id. */
  readonly logitBias?: Readonly<Record<number, number>>;
  /** Above 1, tokens of the text, prompt included, become less likely: a positive logit is divided by it; 1 where absent. */
  readonly repetitionPenalty?: number;
  /** Subtracted from the logit of each token that was generated before; 0 where absent. */
  readonly presencePenalty?: number;
  /** Subtracted from it once for each time that it was generated; 0 where absent. */
  readonly frequencyPenalty?: number;
  /** What logits are divided by before sampling; 0, the likeliest token, where absent. */
  readonly temperature?: number;
  /** Sample from the k likeliest tokens (and those as likely as the k-th); 0, from all, where absent. */
  readonly topK?: number;
  /** Sample from the likeliest tokens that together have this probability; 1, from all, where absent. */
  readonly topP?: number;
  /** Sample from tokens with at least this share of the likeliest one's probability; 0 where absent. */
  readonly minP?: number;
  /** What the noise is made of: the same seed, the same text; drawn where absent. A whole number below 2^53. */
  readonly seed?: number;
}

/** What holds of options that are absent; there is no bias, and a seed is drawn. */
export const CHOICE_DEFAULTS: Readonly<Required<Omit<ChoiceOptions, "logitBias" | "seed">>> = {
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
};

const LOGIT_BIAS: Kind = {
  expected: `token ids with finite numbers, at most ${MAX_BIAS}`,
  fits: (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
    const entries = Object.entries(value);
    return entries.length <= MAX_BIAS &&
      entries.every(([id, bias]) => /^\d+$/.test(id) && Number.isFinite(bias));
  },
};

/** The least and the most of each number; for the temperature of one that is not 0, which it may be as well. */
export const CHOICE_LIMITS = {
  repetitionPenalty: { min: 0.01, max: 100 },
  presencePenalty: { min: -100, max: 100 },
  frequencyPenalty: { min: -100, max: 100 },
  temperature: { min: 0.01, max: 100 },
  topK: { min: 0, max: Number.MAX_SAFE_INTEGER },
  topP: { min: 0, max: 1 },
  minP: { min: 0, max: 1 },
  seed: { min: 0, max: Number.MAX_SAFE_INTEGER },
} as const;

const within = ({ min, max }: { min: number; max: number }): Kind => number(min, max);
const whole = ({ min, max }: { min: number; max: number }): Kind => integer(min, max);
const warm = within(CHOICE_LIMITS.temperature);

const TEMPERATURE: Kind = {
  expected: `0 or ${warm.expected}`,
  fits: (value) => value === 0 || warm.fits(value),
};

/** What each option may be. */
export const CHOICE_KINDS: Kinds<ChoiceOptions> = {
  logitBias: LOGIT_BIAS,
  repetitionPenalty: within(CHOICE_LIMITS.repetitionPenalty),
  presencePenalty: within(CHOICE_LIMITS.presencePenalty),
  frequencyPenalty: within(CHOICE_LIMITS.frequencyPenalty),
  temperature: TEMPERATURE,
  topK: whole(CHOICE_LIMITS.topK),
  topP: within(CHOICE_LIMITS.topP),
  minP: within(CHOICE_LIMITS.minP),
  seed: whole(CHOICE_LIMITS.seed),
};

/** A seed for whoever gave none; can be given again. */
export function drawSeed(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return (high & 0x1fffff) * 2 ** 32 + low;
}

/** The settings of one text on the device. */
export class Choice implements ChoiceSettings {
  /** See {@linkcode ChoiceSettings}. */
  readonly settings: Tensor<"i32">;
  /** See {@linkcode ChoiceSettings}. */
  readonly biasIds: Tensor<"i32">;
  /** See {@linkcode ChoiceSettings}. */
  readonly biasValues: Tensor<"f32">;
  readonly #device: Device;

  /** Greedy settings in `arena`. */
  constructor(device: Device, arena: Arena) {
    this.#device = device;
    this.settings = arena.allocate("i32", [SETTINGS_WORDS], "settings");
    this.biasIds = arena.fromHost("i32", [MAX_BIAS], new Int32Array(MAX_BIAS));
    this.biasValues = arena.allocate("f32", [MAX_BIAS], "bias values");
    this.set({}, 0, 1);
  }

  /**
   * Sets `options` for a text that is generated from position `generated` on, of a vocabulary of `vocabSize`; `scores`
   * keeps what tokens are chosen from. Throws an `ArgumentError` for a token of the bias that is outside it.
   */
  set(options: ChoiceOptions, generated: number, vocabSize: number, scores = false): void {
    const bias = Object.entries(options.logitBias ?? {});
    for (const [id] of bias) {
      if (Number(id) < vocabSize) continue;
      throw new ArgumentError(
        "logitBias",
        `Cannot generate: logitBias has token ${show(Number(id))}, expected 0 to ${vocabSize - 1}`,
      );
    }
    const words = new Int32Array(SETTINGS_WORDS);
    const reals = new Float32Array(words.buffer);
    const { seed = 0 } = options;
    const valueOf = (name: keyof typeof CHOICE_DEFAULTS) => options[name] ?? CHOICE_DEFAULTS[name];
    reals[SETTING_TEMPERATURE] = valueOf("temperature");
    words[SETTING_TOP_K] = Math.min(valueOf("topK"), vocabSize);
    reals[SETTING_TOP_P] = valueOf("topP");
    reals[SETTING_MIN_P] = valueOf("minP");
    reals[SETTING_REPETITION] = valueOf("repetitionPenalty");
    reals[SETTING_PRESENCE] = valueOf("presencePenalty");
    reals[SETTING_FREQUENCY] = valueOf("frequencyPenalty");
    words[SETTING_BIAS] = bias.length;
    words[SETTING_SEED] = seed % 2 ** 32 | 0;
    words[SETTING_SEED + 1] = Math.floor(seed / 2 ** 32);
    words[SETTING_GENERATED] = generated;
    words[SETTING_SCORES] = scores ? 1 : 0;
    this.#device.upload(this.settings, words);
    if (bias.length === 0) return;
    this.#device.upload(
      rows(this.biasIds, 0, bias.length),
      Int32Array.from(bias, ([id]) => Number(id)),
    );
    this.#device.upload(
      rows(this.biasValues, 0, bias.length),
      Float32Array.from(bias, ([, value]) => value),
    );
  }
}

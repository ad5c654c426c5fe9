/**
 * The choice of tokens from rows of logits: bias, penalties, masks, temperature, cuts and noise in one op.
 *
 * @module
 */
import { addressOf, type Device, type Tensor } from "../device/mod.ts";
import { SMQ_CHOICE_NAN, SMQ_CHOICE_NONE, SMQ_MAX_TREE, SMQ_SETTINGS } from "../ffi/symbols.ts";
import { expectCounter, expectInteger, expectTensor, refuse } from "./check.ts";

export {
  SMQ_SETTING_BIAS as SETTING_BIAS,
  SMQ_SETTING_FREQUENCY as SETTING_FREQUENCY,
  SMQ_SETTING_GENERATED as SETTING_GENERATED,
  SMQ_SETTING_MIN_P as SETTING_MIN_P,
  SMQ_SETTING_PRESENCE as SETTING_PRESENCE,
  SMQ_SETTING_REPETITION as SETTING_REPETITION,
  SMQ_SETTING_SCORES as SETTING_SCORES,
  SMQ_SETTING_SEED as SETTING_SEED,
  SMQ_SETTING_TEMPERATURE as SETTING_TEMPERATURE,
  SMQ_SETTING_TOP_K as SETTING_TOP_K,
  SMQ_SETTING_TOP_P as SETTING_TOP_P,
} from "../ffi/symbols.ts";

/** Words of the settings; `SETTING_*` are their places, and `cuda/include/specmquant.h` says what they do. */
export const SETTINGS_WORDS: number = SMQ_SETTINGS;
/** A choice where a row has a NaN. */
export const CHOICE_NAN: number = SMQ_CHOICE_NAN;
/** A choice where a row allows nothing. */
export const CHOICE_NONE: number = SMQ_CHOICE_NONE;

/** How tokens are chosen, in device memory: what one captured graph serves. */
export interface ChoiceSettings {
  /** i32 [SETTINGS_WORDS]; the real ones hold the bits of an f32. */
  readonly settings: Tensor<"i32">;
  /** Tokens of the bias, distinct, i32 [n]; as many as the settings say are read. */
  readonly biasIds: Tensor<"i32">;
  /** What is added to each, f32 [n]. */
  readonly biasValues: Tensor<"f32">;
}

/** What `choose` reads and writes. */
export interface ChooseOptions extends ChoiceSettings {
  /** i32 [m], written: the token chosen after each row, or `CHOICE_NAN` or `CHOICE_NONE`. */
  choice: Tensor<"i32">;
  /** f32 [m, vocab], written where the settings want it, otherwise scratch: without noise, -infinity for what is cut. */
  scores: Tensor<"f32">;
  /** f32 [m, vocab]. */
  logits: Tensor<"f32">;
  /** Tokens that are chosen from, the first ones; all where absent. */
  chosenFrom?: number;
  /** i32 [m, ceil(vocab / 32)]: the bits of the tokens that each row allows; all where absent. */
  allowed?: Tensor<"i32">;
  /** i32 [any]: the token at each position. */
  history: Tensor<"i32">;
  /** i32 [1]. */
  cacheLength: Tensor<"i32">;
  /** i32 [m] of a tree; without it, a sequence: row i is history[cacheLength + i]. */
  tokens?: Tensor<"i32">;
  /** i32 [m], given with `tokens`. */
  depths?: Tensor<"i32">;
  /** u64 [m, 1], given with `tokens`: each row's ancestors and itself. */
  mask?: Tensor<"u64">;
}

/** Chooses the token that follows each row; m, from `logits`, is 1 to 64. */
export function choose(device: Device, options: ChooseOptions): void {
  const op = "choose";
  const { choice, scores, logits, settings, biasIds, biasValues, allowed } = options;
  const { history, cacheLength, tokens, depths, mask } = options;
  const [m, vocab] = expectTensor(op, "logits", logits, ["f32"], [-1, -1]);
  const { chosenFrom = vocab } = options;
  expectInteger(op, "m", m, 1, SMQ_MAX_TREE);
  expectTensor(op, "choice", choice, ["i32"], [m]);
  expectTensor(op, "scores", scores, ["f32"], [m, vocab]);
  expectTensor(op, "settings", settings, ["i32"], [SETTINGS_WORDS]);
  const [most] = expectTensor(op, "biasIds", biasIds, ["i32"], [-1]);
  expectTensor(op, "biasValues", biasValues, ["f32"], [most]);
  if (allowed) expectTensor(op, "allowed", allowed, ["i32"], [m, Math.ceil(vocab / 32)]);
  expectInteger(op, "chosenFrom", chosenFrom, 1, vocab);
  expectTensor(op, "history", history, ["i32"], [-1]);
  expectCounter(op, "cacheLength", cacheLength);
  const given = [tokens, depths, mask].filter((t) => t !== undefined).length;
  if (given !== 0 && given !== 3) {
    refuse(op, "tokens", "is given without depths and mask or the reverse", "all or none");
  }
  if (tokens) {
    expectTensor(op, "tokens", tokens, ["i32"], [m]);
    expectTensor(op, "depths", depths!, ["i32"], [m]);
    expectTensor(op, "mask", mask!, ["u64"], [m, 1]);
  }
  const { native } = device;
  const status = native.symbols.smq_choose(
    native.ctx,
    addressOf(choice),
    addressOf(scores),
    addressOf(logits),
    addressOf(settings),
    addressOf(biasIds),
    addressOf(biasValues),
    addressOf(allowed),
    addressOf(history),
    addressOf(cacheLength),
    addressOf(tokens),
    addressOf(depths),
    addressOf(mask),
    m,
    vocab,
    chosenFrom,
  );
  native.check(status, "smq_choose");
}

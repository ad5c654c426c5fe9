/**
 * Options of how tokens are chosen, and of what is told of the choice.
 *
 * @module
 */
import type { ChoiceOptions } from "../../engine/mod.ts";
import { CHOICE_LIMITS, LOG_PROBS_OF, MAX_TOP_LOG_PROBS } from "../../speculation/mod.ts";
import { needsOption } from "./needs.ts";
import type { NumberOption, PairsOption, StringOption, Values } from "./option.ts";

const TEMPERATURE = {
  name: "temperature",
  type: "number",
  value: "T",
  min: 0,
  max: CHOICE_LIMITS.temperature.max,
  summary: `Sample, from scores over T: 0, or ${CHOICE_LIMITS.temperature.min} and more; ` +
    "0 where absent, the likeliest token",
} as const satisfies NumberOption;

const TOP_P = {
  name: "top-p",
  type: "number",
  value: "P",
  ...CHOICE_LIMITS.topP,
  summary: "With a temperature, sample from the likeliest tokens that have P together",
} as const satisfies NumberOption;

const TOP_K = {
  name: "top-k",
  type: "integer",
  value: "K",
  min: CHOICE_LIMITS.topK.min,
  summary: "With a temperature, sample from the K likeliest tokens; 0 is all",
} as const satisfies NumberOption;

const MIN_P = {
  name: "min-p",
  type: "number",
  value: "P",
  ...CHOICE_LIMITS.minP,
  summary:
    "With a temperature, sample from tokens with at least P times the chance of the likeliest",
} as const satisfies NumberOption;

const SEED = {
  name: "seed",
  type: "integer",
  value: "N",
  ...CHOICE_LIMITS.seed,
  summary: "With a temperature, the text of this number: drawn, and told, where absent",
} as const satisfies NumberOption;

const REPETITION_PENALTY = {
  name: "repetition-penalty",
  type: "number",
  value: "R",
  ...CHOICE_LIMITS.repetitionPenalty,
  summary: "Above 1, tokens of the text, prompt included, become less likely",
} as const satisfies NumberOption;

const PRESENCE_PENALTY = {
  name: "presence-penalty",
  type: "number",
  value: "X",
  ...CHOICE_LIMITS.presencePenalty,
  summary: "Taken from the scores of tokens that were generated before",
} as const satisfies NumberOption;

const FREQUENCY_PENALTY = {
  name: "frequency-penalty",
  type: "number",
  value: "X",
  ...CHOICE_LIMITS.frequencyPenalty,
  summary: "Taken from them once for each time",
} as const satisfies NumberOption;

const LOGIT_BIAS = {
  name: "logit-bias",
  type: "pairs",
  value: "ID=X,...",
  summary: "Added to the scores of tokens, by id, e.g. 5=-100,17=2.5",
} as const satisfies PairsOption;

/** Where what is not given of the choice comes from. */
export const SAMPLING_OPTION = {
  name: "sampling",
  type: "string",
  value: "WHOSE",
  choices: ["greedy", "model"],
  default: "greedy",
  summary: "What holds for those of these options that are not given",
  notes: [
    "greedy: the likeliest token, nothing else",
    "model: what generation_config.json or the GGUF file says of sampling",
  ],
} as const satisfies StringOption;

const LOGPROBS = {
  name: "logprobs",
  type: "integer",
  value: "N",
  min: 0,
  max: MAX_TOP_LOG_PROBS,
  needs: [needsOption("json")],
  summary: "Give each token's log-probability, and the N likeliest in its place, with --json",
} as const satisfies NumberOption;

const LOGPROBS_OF = {
  name: "logprobs-of",
  type: "string",
  value: "WHAT",
  choices: LOG_PROBS_OF,
  default: "model",
  needs: [needsOption("logprobs")],
  summary: "Under the model's own distribution, or the one that tokens are chosen from",
} as const satisfies StringOption;

/** How tokens are chosen. */
export const CHOICE_OPTIONS = [
  TEMPERATURE,
  TOP_P,
  TOP_K,
  MIN_P,
  SEED,
  REPETITION_PENALTY,
  PRESENCE_PENALTY,
  FREQUENCY_PENALTY,
  LOGIT_BIAS,
] as const;

/** The same, where the rest comes from, and what is told of it. */
export const SAMPLING_OPTIONS = [
  ...CHOICE_OPTIONS,
  SAMPLING_OPTION,
  LOGPROBS,
  LOGPROBS_OF,
] as const;

/** The options of a choice that `values` give; those that they do not are left out. */
export function choiceOf(values: Partial<Values<typeof CHOICE_OPTIONS>>): ChoiceOptions {
  const given: ChoiceOptions = {
    temperature: values.temperature,
    topP: values["top-p"],
    topK: values["top-k"],
    minP: values["min-p"],
    seed: values.seed,
    repetitionPenalty: values["repetition-penalty"],
    presencePenalty: values["presence-penalty"],
    frequencyPenalty: values["frequency-penalty"],
    logitBias: values["logit-bias"],
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

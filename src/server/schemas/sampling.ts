/**
 * Parameters of how tokens are chosen and where a text ends, which all routes that make texts have.
 *
 * @module
 */
import { z } from "zod";
import { CHOICE_LIMITS, type ChoiceOptions, MAX_BIAS } from "../../speculation/mod.ts";

/** Most choices of one prompt. */
export const MOST_CHOICES = 128;

/** Most strings that end a text. */
const MOST_STOPS = 16;

const number = ({ min, max }: { readonly min: number; readonly max: number }) =>
  z.number().min(min).max(max).nullish();
const whole = ({ min, max }: { readonly min: number; readonly max: number }) =>
  z.int().min(min).max(max).nullish();

const STOP = z.string().min(1);

const METHOD = z.string().nullish().describe(
  "How tokens are proposed, one of the model's `methods`; the text is the same.",
);

/**
 * The extension of routes that tell nothing of rounds.
 *
 * @internal
 */
export const BY_METHOD = z.strictObject({ method: METHOD }).nullish();

/**
 * The parameters. Null counts as absent in all of them.
 *
 * @internal
 */
export const SAMPLING = {
  temperature: z.union([z.literal(0), z.number().min(CHOICE_LIMITS.temperature.min).max(100)])
    .nullish().describe("What logits are divided by; 0 takes the likeliest token each time."),
  top_p: number(CHOICE_LIMITS.topP),
  top_k: whole(CHOICE_LIMITS.topK).describe("Extension: sample from the k likeliest; 0 is all."),
  min_p: number(CHOICE_LIMITS.minP).describe(
    "Extension: sample from tokens with this share of the likeliest one's probability.",
  ),
  seed: whole(CHOICE_LIMITS.seed).describe(
    "The same seed, the same text; choice i of several has seed + i. Drawn where absent.",
  ),
  presence_penalty: number(CHOICE_LIMITS.presencePenalty),
  frequency_penalty: number(CHOICE_LIMITS.frequencyPenalty),
  repetition_penalty: number(CHOICE_LIMITS.repetitionPenalty).describe("Extension."),
  logit_bias: z.record(z.string().regex(/^\d{1,10}$/), z.number()).nullish()
    .refine((bias) => Object.keys(bias ?? {}).length <= MAX_BIAS, `expected at most ${MAX_BIAS}`),
  n: z.int().min(1).max(MOST_CHOICES).nullish(),
  stop: z.union([STOP, z.array(STOP).max(MOST_STOPS)]).nullish(),
  ignore_eos: z.boolean().nullish().describe("Extension: go on after a stop token."),
  specmquant: z.strictObject({
    method: METHOD,
    rounds: z.boolean().nullish().describe(
      "Say in streams how each token came: choices have a `specmquant`.",
    ),
  }).nullish().describe("Extension."),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({
    include_usage: z.boolean().nullish(),
    include_obfuscation: z.literal(false).nullish(),
  }).nullish(),
} as const;

/**
 * Parameters that change no answer: taken, and nothing is done with them.
 *
 * @internal
 */
export const WITHOUT_EFFECT = {
  user: z.string().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  store: z.literal(false).nullish(),
  service_tier: z.enum(["auto", "default"]).nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
} as const;

const SAMPLING_OBJECT = z.object(SAMPLING);

/**
 * What a request says of sampling.
 *
 * @internal
 */
export type Sampling = z.infer<typeof SAMPLING_OBJECT>;

/** The options of a choice that `body` gives; those that it does not are left out. */
export function choiceOf(body: Sampling): ChoiceOptions {
  const given = {
    temperature: body.temperature,
    topP: body.top_p,
    topK: body.top_k,
    minP: body.min_p,
    seed: body.seed,
    presencePenalty: body.presence_penalty,
    frequencyPenalty: body.frequency_penalty,
    repetitionPenalty: body.repetition_penalty,
    logitBias: body.logit_bias,
  };
  // Null is JSON's word for absent.
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined && value !== null),
  );
}

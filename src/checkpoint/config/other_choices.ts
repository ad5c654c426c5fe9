/**
 * Keys of `generation_config.json` that have tokens chosen in a way that there is none of here. Nobody has to follow them
 * who chooses tokens as they like; who asks for the model's way is told.
 *
 * @module
 */
import { type Fields, isObject, show } from "../containers/json.ts";

/** Something that a checkpoint asks for when tokens are chosen, and that nothing here does. */
export interface OtherChoice {
  /** The key. */
  readonly key: string;
  /** Its value, as messages show it. */
  readonly found: string;
  /** What could be there instead. */
  readonly expected: string;
  /** Whether it changes only what is sampled, and nothing of greedy text. */
  readonly sampledOnly: boolean;
}

/** The value with which each key changes nothing, where there is one beside null and what is empty. */
const ALWAYS: Readonly<Record<string, number | undefined>> = {
  num_beams: 1,
  num_beam_groups: 1,
  penalty_alpha: 0,
  guidance_scale: 1,
  encoder_repetition_penalty: 1,
  no_repeat_ngram_size: 0,
  encoder_no_repeat_ngram_size: 0,
  min_length: 0,
  min_new_tokens: 0,
  dola_layers: undefined,
  sequence_bias: undefined,
  bad_words_ids: undefined,
  force_words_ids: undefined,
  constraints: undefined,
  forced_bos_token_id: undefined,
  forced_eos_token_id: undefined,
  exponential_decay_length_penalty: undefined,
  suppress_tokens: undefined,
  begin_suppress_tokens: undefined,
  watermarking_config: undefined,
};

/** The same, of keys that greedy text does not depend on. */
const SAMPLED: Readonly<Record<string, number | undefined>> = {
  typical_p: 1,
  epsilon_cutoff: 0,
  eta_cutoff: 0,
  top_h: undefined,
};

/** What `generation`, a `generation_config.json`, asks for that there is none of. */
export function otherChoices({ object }: Fields): OtherChoice[] {
  const found = (keys: typeof ALWAYS, sampledOnly: boolean) =>
    Object.entries(keys).flatMap(([key, neutral]): OtherChoice[] => {
      const value = Object.hasOwn(object, key) ? object[key] : null;
      if (value === null || value === neutral || isEmpty(value)) return [];
      const expected = neutral === undefined ? "none" : `${neutral} or none`;
      return [{ key, found: show(value), expected, sampledOnly }];
    });
  return [...found(ALWAYS, false), ...found(SAMPLED, true)];
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}

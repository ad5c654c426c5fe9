/**
 * Rotary position embedding, as Hugging Face configurations describe it.
 *
 * @module
 */
import { UnsupportedModelError } from "../../base/errors.ts";
import type { Fields } from "../containers/json.ts";

/** How rotary frequencies are stretched beyond the trained context. */
export type RopeScaling =
  | { readonly type: "linear"; readonly factor: number }
  | {
    readonly type: "llama3";
    readonly factor: number;
    readonly lowFreqFactor: number;
    readonly highFreqFactor: number;
    readonly originalMaxPositions: number;
  }
  | { readonly type: "dynamic"; readonly factor: number; readonly originalMaxPositions: number }
  | {
    readonly type: "yarn";
    readonly factor: number;
    readonly originalMaxPositions: number;
    readonly attentionFactor?: number;
    readonly betaFast: number;
    readonly betaSlow: number;
    readonly mscale?: number;
    readonly mscaleAllDim?: number;
    /** Whether the correction range is rounded to whole dimensions. */
    readonly truncate: boolean;
  }
  /** Each of the headDim/2 frequencies divided by a number of its own, as GGUF files give them. */
  | { readonly type: "factors"; readonly factors: readonly number[] };

/** The base frequency where a configuration gives none. */
const DEFAULT_THETA = 10000;

/** The keys of rotary embeddings: those of transformers 5, and those of earlier versions. */
const [NEW_KEY, OLD_KEY] = ["rope_parameters", "rope_scaling"];

/** How a model's positions are told apart. */
export interface Rope {
  /** Base of the frequencies. */
  readonly ropeTheta: number;
  /** How they are stretched, where they are. */
  readonly ropeScaling?: RopeScaling;
}

/**
 * Reads `rope_parameters`, or `rope_scaling` and `rope_theta` as versions of transformers before 5 write them. Where
 * both are there, the scaling is the user's and counts, as in transformers 5. `maxPositions` is the trained context
 * where the scaling names none.
 */
export function parseRope(config: Fields, maxPositions: number): Rope {
  const [key, rope, other] = ropeFields(config);
  for (const fields of [config, rope]) {
    if (fields?.raw("partial_rotary_factor") === undefined) continue;
    const factor = fields.positive("partial_rotary_factor");
    if (factor !== 1) unsupported(`partial_rotary_factor ${factor}`, "expected 1");
  }
  // transformers 5 would fall back to its default here, with which the weights make no sense.
  const fallback = other?.positive("rope_theta", DEFAULT_THETA) ?? DEFAULT_THETA;
  // What else is not used of it, `ropeConflict` tells.
  if (other) { for (const key of Object.keys(other.object)) other.has(key); }
  const outer = config.positive("rope_theta", fallback);
  if (rope === undefined) return { ropeTheta: outer };
  if (Object.keys(rope.object).some((name) => name.endsWith("_attention"))) {
    unsupported(`${key} by layer type`, "expected one set of values for all layers");
  }
  const ropeTheta = rope.positive("rope_theta", outer);
  const type = rope.string("rope_type") ?? rope.string("type") ?? "default";
  if (type === "default") return { ropeTheta };
  return { ropeTheta, ropeScaling: parseScaling(type, rope, config, maxPositions) };
}

/** What counts, under its key, and what it counts instead of; an empty scaling is none. */
function ropeFields(config: Fields): [key: string, rope?: Fields, other?: Fields] {
  const [parameters, scaling] = [config.fields(NEW_KEY), config.fields(OLD_KEY)];
  if (scaling === undefined || Object.keys(scaling.object).length === 0) {
    return [NEW_KEY, parameters];
  }
  return [OLD_KEY, scaling, parameters];
}

/** What is to be said where a configuration describes its positions twice; undefined where it does not. */
export function ropeConflict(config: Fields): string | undefined {
  const [key, rope, other] = ropeFields(config);
  if (rope === undefined || other === undefined) return undefined;
  if (JSON.stringify(rope.object) === JSON.stringify(other.object)) return undefined;
  const kept = other.raw("rope_theta");
  const apart = kept !== undefined && rope.raw("rope_theta") === undefined &&
    config.raw("rope_theta") === undefined;
  return `${config.file} has both ${NEW_KEY} and ${OLD_KEY}: ${key} is used` +
    (apart ? `, with the rope_theta ${kept} of ${NEW_KEY}` : "");
}

/**
 * The longest context, in tokens. Model cards tell users to add YaRN's scaling and leave `max_position_embeddings` as
 * it is: the model then reaches `factor` times what it was trained for.
 */
export function longestContext({ ropeScaling }: Rope, maxPositions: number): number {
  if (ropeScaling?.type !== "yarn") return maxPositions;
  const { factor, originalMaxPositions } = ropeScaling;
  return Math.max(maxPositions, Math.floor(factor * originalMaxPositions));
}

function parseScaling(
  type: string,
  rope: Fields,
  config: Fields,
  maxPositions: number,
): RopeScaling {
  const own = "original_max_position_embeddings";
  // As in transformers: a value beside the rope parameters wins over one inside them.
  const original = () => (config.raw(own) !== undefined ? config : rope).integer(own, maxPositions);
  switch (type) {
    case "linear":
      return { type, factor: rope.positive("factor") };
    case "dynamic":
      return { type, factor: rope.positive("factor"), originalMaxPositions: maxPositions };
    case "llama3":
      return {
        type,
        factor: rope.positive("factor"),
        lowFreqFactor: rope.positive("low_freq_factor"),
        highFreqFactor: rope.positive("high_freq_factor"),
        originalMaxPositions: original(),
      };
    case "yarn": {
      const originalMaxPositions = original();
      const optional = (name: string) =>
        rope.raw(name) === undefined ? undefined : rope.positive(name);
      return {
        type,
        factor: rope.positive("factor", maxPositions / originalMaxPositions),
        originalMaxPositions,
        attentionFactor: optional("attention_factor"),
        betaFast: rope.positive("beta_fast", 32),
        betaSlow: rope.positive("beta_slow", 1),
        mscale: optional("mscale"),
        mscaleAllDim: optional("mscale_all_dim"),
        truncate: rope.boolean("truncate", true),
      };
    }
    default:
      return unsupported(
        `rope type "${type}"`,
        "expected default, linear, dynamic, llama3 or yarn",
      );
  }
}

function unsupported(feature: string, expected: string): never {
  throw new UnsupportedModelError(feature, expected);
}

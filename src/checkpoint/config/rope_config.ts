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
  };

/** The base frequency where a configuration gives none. */
const DEFAULT_THETA = 10000;

/**
 * Reads `rope_parameters` (transformers 5) or `rope_scaling` with `rope_theta`. `maxPositions` is the trained
 * context where the scaling names none.
 */
export function parseRope(
  config: Fields,
  maxPositions: number,
): { ropeTheta: number; ropeScaling?: RopeScaling } {
  const key = config.raw("rope_parameters") !== undefined ? "rope_parameters" : "rope_scaling";
  const rope = config.fields(key);
  for (const fields of [config, rope]) {
    if (fields?.raw("partial_rotary_factor") === undefined) continue;
    const factor = fields.positive("partial_rotary_factor");
    if (factor !== 1) unsupported(`partial_rotary_factor ${factor}`, "expected 1");
  }
  const outer = config.positive("rope_theta", DEFAULT_THETA);
  if (rope === undefined) return { ropeTheta: outer };
  if (Object.keys(rope.object).some((name) => name.endsWith("_attention"))) {
    unsupported(`${key} by layer type`, "expected one set of values for all layers");
  }
  const ropeTheta = rope.positive("rope_theta", outer);
  const type = rope.string("rope_type") ?? rope.string("type") ?? "default";
  if (type === "default") return { ropeTheta };
  return { ropeTheta, ropeScaling: parseScaling(type, rope, config, maxPositions) };
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

/**
 * The description of GPTQ checkpoints (AutoGPTQ, GPTQModel).
 *
 * @module
 */
import { UnsupportedModelError } from "../../base/errors.ts";
import { type Fields, isObject, show } from "../containers/json.ts";
import { matchesPattern } from "./module_match.ts";

/** What GPTQ may say of one linear layer, or of all. */
export interface GptqLayerConfig {
  /** Bits of a weight. */
  readonly bits: 4 | 8;
  /** Inputs that share a scale; -1 means all of a channel. */
  readonly groupSize: number;
  /** Whether inputs were quantized in order of activation, so that `g_idx` may not ascend. */
  readonly descAct: boolean;
  /** Whether every zero point is the middle. */
  readonly symmetric: boolean;
}

/** A GPTQ checkpoint that this project reads. */
export interface GptqConfig extends GptqLayerConfig {
  /** Whether groups were fixed before that reordering. */
  readonly staticGroups: boolean;
  /** How zero points are stored: `gptq` (v1) less one, `gptq_v2` as they are. */
  readonly format: "gptq" | "gptq_v2";
  /** Whether the description says that the output projection is quantized too. */
  readonly lmHead: boolean;
  /** What some layers have instead; the first pattern that matches a layer's name counts. */
  readonly dynamic?: readonly GptqOverride[];
}

/** One entry of the key `dynamic`. */
export interface GptqOverride {
  /** What the layers' names match, from their beginning on. */
  readonly pattern: string;
  /** Undefined for layers that are not quantized. */
  readonly layer?: GptqLayerConfig;
}

const GROUP_SIZES = [-1, 32, 64, 128];

/** Checks the keys of a `quantization_config` or `quantize_config.json`. */
export function parseGptqConfig(fields: Fields): GptqConfig {
  const layer = parseLayer(fields);
  const format = fields.string("checkpoint_format") ?? fields.string("format") ?? "gptq";
  if (format !== "gptq" && format !== "gptq_v2") {
    refuse(`GPTQ checkpoint_format "${format}"`, "expected gptq or gptq_v2");
  }
  if (fields.boolean("is_marlin_format", false)) refuse("Marlin-packed GPTQ", "expected gptq");
  const packDtype = fields.string("pack_dtype") ?? "int32";
  if (packDtype !== "int32") refuse(`GPTQ pack_dtype ${packDtype}`, "expected int32");
  for (const key of ["rotation", "adapter"]) {
    const value = fields.raw(key);
    if (value === undefined || value === false || value === "") continue;
    if (isObject(value) && Object.keys(value).length === 0) continue;
    refuse(`GPTQ "${key}" ${show(value)}`, "expected none");
  }
  const dynamic = parseDynamic(fields, layer);
  return {
    ...layer,
    staticGroups: fields.boolean("static_groups", false),
    format,
    lmHead: fields.boolean("lm_head", false),
    ...(dynamic.length > 0 && { dynamic }),
  };
}

/** What the layer called `name` has; undefined where it is not quantized. */
export function gptqLayerConfig(config: GptqConfig, name: string): GptqLayerConfig | undefined {
  const found = config.dynamic?.find(({ pattern }) => matchesPattern(pattern, name));
  return found === undefined ? config : found.layer;
}

function parseLayer(fields: Fields, fallback?: GptqLayerConfig): GptqLayerConfig {
  const bits = fields.integer("bits", fallback?.bits);
  if (bits !== 4 && bits !== 8) return refuse(`${bits}-bit GPTQ`, "expected 4 or 8 bits");
  const groupSize = fields.integer("group_size", fallback?.groupSize, -1);
  if (!GROUP_SIZES.includes(groupSize)) {
    refuse(`GPTQ group_size ${groupSize}`, `expected one of ${GROUP_SIZES.join(" ")}`);
  }
  return {
    bits,
    groupSize,
    descAct: fields.boolean("desc_act", fallback?.descAct ?? false),
    symmetric: fields.boolean("sym", fallback?.symmetric ?? true),
  };
}

/** Keys are patterns, `-:` before those of layers that are left alone, `+:` or nothing before others. */
function parseDynamic(fields: Fields, fallback: GptqLayerConfig): GptqOverride[] {
  if (fields.raw("dynamic") === false) return [];
  const dynamic = fields.fields("dynamic");
  if (dynamic === undefined) return [];
  return Object.keys(dynamic.object).map((key) => {
    // What is said of a layer that is left alone means nothing.
    if (dynamic.has(key) && key.startsWith("-:")) return { pattern: key.slice(2) };
    const layer = parseLayer(dynamic.fields(key) ?? dynamic.fail(key, "an object"), fallback);
    return { pattern: key.startsWith("+:") ? key.slice(2) : key, layer };
  });
}

function refuse(feature: string, expected: string): never {
  throw new UnsupportedModelError(feature, expected);
}

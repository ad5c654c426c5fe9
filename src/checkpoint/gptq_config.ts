/**
 * The description of GPTQ checkpoints (AutoGPTQ, GPTQModel).
 *
 * @module
 */
import { UnsupportedModelError } from "../base/errors.ts";
import { type Fields, isObject, show } from "./json.ts";

/** A GPTQ checkpoint that this project reads: 4 bits, symmetric. */
export interface GptqConfig {
  /** Bits of a weight. */
  readonly bits: 4;
  /** Inputs that share a scale; -1 means all of a channel. */
  readonly groupSize: number;
  /** Whether inputs were quantized in order of activation, so that `g_idx` may not ascend. */
  readonly descAct: boolean;
  /** Whether groups were fixed before that reordering. */
  readonly staticGroups: boolean;
  /** How zero points are stored: `gptq` (v1) less one, `gptq_v2` as they are. */
  readonly format: "gptq" | "gptq_v2";
  /** Whether the description says that the output projection is quantized too. */
  readonly lmHead: boolean;
}

const GROUP_SIZES = [-1, 32, 64, 128];

/** Checks the keys of a `quantization_config` or `quantize_config.json`. */
export function parseGptqConfig(fields: Fields): GptqConfig {
  const bits = fields.integer("bits");
  if (bits !== 4) refuse(`${bits}-bit GPTQ`, "expected 4 bits");
  const groupSize = fields.integer("group_size", undefined, -1);
  if (!GROUP_SIZES.includes(groupSize)) {
    refuse(`GPTQ group_size ${groupSize}`, `expected one of ${GROUP_SIZES.join(" ")}`);
  }
  if (!fields.boolean("sym", true)) refuse("asymmetric GPTQ (sym false)", "expected sym true");
  const format = fields.string("checkpoint_format") ?? fields.string("format") ?? "gptq";
  if (format !== "gptq" && format !== "gptq_v2") {
    refuse(`GPTQ checkpoint_format "${format}"`, "expected gptq or gptq_v2");
  }
  if (fields.boolean("is_marlin_format", false)) refuse("Marlin-packed GPTQ", "expected gptq");
  const packDtype = fields.string("pack_dtype") ?? "int32";
  if (packDtype !== "int32") refuse(`GPTQ pack_dtype ${packDtype}`, "expected int32");
  for (const key of ["dynamic", "rotation", "adapter"]) {
    const value = fields.raw(key);
    if (value === undefined || value === false || value === "") continue;
    if (isObject(value) && Object.keys(value).length === 0) continue;
    refuse(`GPTQ "${key}" ${show(value)}`, "expected none");
  }
  return {
    bits: 4,
    groupSize,
    descAct: fields.boolean("desc_act", false),
    staticGroups: fields.boolean("static_groups", false),
    format,
    lmHead: fields.boolean("lm_head", false),
  };
}

function refuse(feature: string, expected: string): never {
  throw new UnsupportedModelError(feature, expected);
}

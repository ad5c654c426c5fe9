/**
 * How a checkpoint says that its weights are quantized.
 *
 * @module
 */
import { UnsupportedModelError } from "../base/errors.ts";
import { type GptqConfig, parseGptqConfig } from "./gptq_config.ts";
import { exists, Fields, readJson } from "./json.ts";

/** A supported quantization; `method` tells which. */
export type QuantizationConfig = { readonly method: "gptq"; readonly config: GptqConfig };

/**
 * The quantization of the checkpoint in `dir`: `quantization_config` of its `config.json` (given parsed), else
 * its `quantize_config.json`. Undefined where there is neither.
 */
export function findQuantization(
  dir: string,
  rawConfig: Record<string, unknown>,
): QuantizationConfig | undefined {
  const file = `${dir}/config.json`;
  const nested = new Fields(file, rawConfig).fields("quantization_config");
  if (nested !== undefined) return parseQuantization(nested);
  if (exists(`${dir}/quant_config.json`)) refuse("awq");
  const separate = `${dir}/quantize_config.json`;
  if (!exists(separate)) return undefined;
  return parseQuantization(new Fields(separate, readJson(separate)), "gptq");
}

/** Checks one description. `fallback` is the method where it names none. */
export function parseQuantization(fields: Fields, fallback?: string): QuantizationConfig {
  const method = fields.string("quant_method") ?? fallback;
  if (method === undefined) return fields.fail("quant_method", "the name of a method");
  if (fields.raw("w_bit") !== undefined || fields.raw("zero_point") !== undefined) refuse("awq");
  if (method !== "gptq") refuse(method);
  return { method, config: parseGptqConfig(fields) };
}

function refuse(method: string): never {
  throw new UnsupportedModelError(
    `quantization method "${method}"`,
    `expected "gptq" or an unquantized checkpoint`,
  );
}

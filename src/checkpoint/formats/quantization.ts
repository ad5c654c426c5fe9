/**
 * How a checkpoint says that its weights are quantized, and how its linear layers are found.
 *
 * @module
 */
import { CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import { awq, type AwqConfig } from "./awq.ts";
import { compressedTensors } from "./compressed_tensors.ts";
import type { CompressedTensorsConfig } from "./compressed_tensors_config.ts";
import { expectFloat } from "./expect.ts";
import type { Format } from "./format.ts";
import { gptq, type GptqConfig } from "./gptq.ts";
import { exists, Fields, readJson } from "../containers/json.ts";
import { isMarlin, marlin } from "./marlin.ts";
import { isQoq, qoq, type QoqConfig } from "./qoq.ts";
import { qqq, type QqqConfig } from "./qqq.ts";
import type { TensorSource } from "../containers/source.ts";
import type { LinearShape, StoredFloat, StoredLinear } from "./stored_linear.ts";

/** A supported quantization; `method` tells which. A new format is one file, one line here and one below. */
export type QuantizationConfig =
  | { readonly method: "gptq"; readonly config: GptqConfig }
  | { readonly method: "marlin"; readonly config: GptqConfig }
  | { readonly method: "awq"; readonly config: AwqConfig }
  | { readonly method: "compressed-tensors"; readonly config: CompressedTensorsConfig }
  | { readonly method: "qqq"; readonly config: QqqConfig }
  | { readonly method: "qoq"; readonly config: QoqConfig };

/** The name of a format, as descriptions give it. */
export type Method = QuantizationConfig["method"];

/** Every format. */
const FORMATS: {
  readonly [M in Method]: Format<(QuantizationConfig & { readonly method: M })["config"]>;
} = { gptq, marlin, awq, "compressed-tensors": compressedTensors, qqq, qoq };

/** Other names that descriptions give a format. */
const ALIASES: ReadonlyMap<string, Method> = new Map<string, Method>([["qserve", "qoq"]]);

/**
 * The quantization of the checkpoint in `dir` whose weights are `source`: `quantization_config` of its
 * `config.json` (given parsed), else its `quant_config.json` or `quantize_config.json`, else what the tensors'
 * names say. Undefined where none of them does.
 */
export function findQuantization(
  dir: string,
  rawConfig: Record<string, unknown>,
  source: TensorSource,
): QuantizationConfig | undefined {
  const nested = new Fields(`${dir}/config.json`, rawConfig).fields("quantization_config");
  if (nested !== undefined) return parseQuantization(nested, source);
  for (const [name, method] of [["quant_config", "awq"], ["quantize_config", "gptq"]] as const) {
    const file = `${dir}/${name}.json`;
    if (exists(file)) return parseQuantization(new Fields(file, readJson(file)), source, method);
  }
  return isQoq(source) ? { method: "qoq", config: {} } : undefined;
}

/** Checks one description. `fallback` is the method where it names none. */
export function parseQuantization(
  fields: Fields,
  source: TensorSource,
  fallback?: Method,
): QuantizationConfig {
  const named = fields.string("quant_method") ?? fallback;
  if (named === undefined) return fields.fail("quant_method", "the name of a method");
  const known = ALIASES.get(named) ?? named;
  if (!Object.hasOwn(FORMATS, known)) {
    throw new UnsupportedModelError(
      `quantization method "${named}"`,
      `expected one of ${Object.keys(FORMATS).join(", ")}, or an unquantized checkpoint`,
    );
  }
  const method = known === "gptq" && isMarlin(source) ? "marlin" : known as Method;
  const config = FORMATS[method].parse(fields);
  return { method, config } as QuantizationConfig;
}

/** The linear layer at `shape.prefix`; a CheckpointError where it is malformed or missing. */
export function findLinear(
  source: TensorSource,
  quantization: QuantizationConfig | undefined,
  shape: LinearShape,
): StoredLinear {
  if (quantization !== undefined) {
    const { method, config } = quantization;
    const format: Format<unknown> = FORMATS[method] as Format<unknown>;
    const found = format.linear(source, shape, config);
    if (found !== undefined) return found;
  }
  return plainLinear(source, shape, quantization?.method);
}

function plainLinear(
  source: TensorSource,
  shape: LinearShape,
  method: string | undefined,
): StoredFloat {
  const name = `${shape.prefix}.weight`;
  if (source.find(name) === undefined) {
    throw new CheckpointError(
      source.file,
      `no tensors of the linear layer "${shape.prefix}" are there, expected "${name}"` +
        (method === undefined ? "" : ` or those of ${method}`),
      name,
    );
  }
  const { dtype } = expectFloat(source, name, [shape.n, shape.k]);
  return { kind: "f16", ...shape, dtype };
}

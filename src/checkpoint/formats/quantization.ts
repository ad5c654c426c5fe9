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
import { gguf, type GgufConfig } from "./gguf.ts";
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
  | { readonly method: "qoq"; readonly config: QoqConfig }
  | { readonly method: "gguf"; readonly config: GgufConfig };

/** The name of a format, as descriptions give it. */
export type Method = QuantizationConfig["method"];

/** Every format. */
const FORMATS: {
  readonly [M in Method]: Format<(QuantizationConfig & { readonly method: M })["config"]>;
} = { gptq, marlin, awq, "compressed-tensors": compressedTensors, qqq, qoq, gguf };

/** Other names that descriptions give a format. */
const ALIASES: ReadonlyMap<string, Method> = new Map<string, Method>([["qserve", "qoq"]]);

/** What a checkpoint says of its quantization. */
export interface Description {
  /** Its keys. */
  readonly fields: Fields;
  /** The method where it names none. */
  readonly method?: Method;
}

/**
 * Where the checkpoint in `dir` describes its quantization: `quantization_config` of its `config.json`, its
 * `compression_config`, or a file of its own. Undefined where it does not.
 */
export function findDescription(dir: string, config: Fields): Description | undefined {
  const nested = config.fields("quantization_config");
  if (nested !== undefined) return { fields: nested };
  // The older name of compressed-tensors.
  const older = config.fields("compression_config");
  if (older !== undefined) return { fields: older, method: "compressed-tensors" };
  for (const [name, method] of [["quant_config", "awq"], ["quantize_config", "gptq"]] as const) {
    const file = `${dir}/${name}.json`;
    if (exists(file)) return { fields: new Fields(file, readJson(file)), method };
  }
  const foreign = `${dir}/hf_quant_config.json`;
  if (exists(foreign)) {
    refuseModelOpt(new Fields(foreign, readJson(foreign)).fields("quantization"));
  }
  return undefined;
}

/** The quantization of weights that are `source`: what the description says, else what their names say. */
export function quantizationOf(
  description: Description | undefined,
  source: TensorSource,
): QuantizationConfig | undefined {
  if (description) return parseQuantization(description.fields, source, description.method);
  return isQoq(source) ? { method: "qoq", config: {} } : undefined;
}

/** Checks one description. `fallback` is the method where it names none. */
export function parseQuantization(
  fields: Fields,
  source: TensorSource,
  fallback?: Method,
): QuantizationConfig {
  const named = fields.string("quant_method") ?? methodByKeys(fields) ?? fallback;
  if (named === undefined) return fields.fail("quant_method", "the name of a method");
  if (named === "modelopt") refuseModelOpt(fields);
  const method = ALIASES.get(named) ?? named;
  if (!isMethod(method)) {
    const who = KNOWN_OTHERS.get(named);
    throw new UnsupportedModelError(
      `quantization method "${named}"${who === undefined ? "" : ` (${who})`}`,
      `expected one of ${METHODS.join(", ")}, or an unquantized checkpoint`,
    );
  }
  const known = method === "gptq" && isMarlin(source) ? "marlin" : method;
  return { method: known, config: FORMATS[known].parse(fields) } as QuantizationConfig;
}

/** Who writes what is not read, where the name alone does not say it. */
const KNOWN_OTHERS: ReadonlyMap<string, string> = new Map([
  ["bitsandbytes", "weights in a packing of its own"],
  ["fp8", "e4m3 with a scale for each block or tensor"],
  ["marlin", "repacked by AutoGPTQ; what it was repacked from can be read"],
  ["awq_marlin", "repacked AWQ; what it was repacked from can be read"],
  ["gptq_marlin", "repacked GPTQ; what it was repacked from can be read"],
]);

/** The names that descriptions give: "marlin" is what the tensors of some that say "gptq" are in, GGUF has none. */
const METHODS: readonly string[] = Object.keys(FORMATS)
  .filter((name) => name !== "marlin" && name !== "gguf");

function isMethod(name: string): name is Method {
  return METHODS.includes(name);
}

/** The method of descriptions that name it by their keys only. */
function methodByKeys(fields: Fields): string | undefined {
  const isBitsAndBytes = ["load_in_4bit", "load_in_8bit"].some((key) => fields.has(key));
  return isBitsAndBytes ? "bitsandbytes" : undefined;
}

function refuseModelOpt(fields: Fields | undefined): never {
  const algorithm = fields?.raw("quant_algo");
  throw new UnsupportedModelError(
    `quantization by NVIDIA ModelOpt${algorithm === undefined ? "" : ` (${algorithm})`}`,
    `expected one of ${METHODS.join(", ")}, or an unquantized checkpoint`,
  );
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

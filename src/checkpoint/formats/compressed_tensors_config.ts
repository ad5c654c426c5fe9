/**
 * The description of compressed-tensors checkpoints (llm-compressor): which layers are quantized, and how.
 *
 * @module
 */
import { UnsupportedModelError } from "../../base/errors.ts";
import { type Fields, isObject, show } from "../containers/json.ts";
import { matchesPattern } from "./module_match.ts";

/** How the layers of one group are stored. */
export type CompressedLayer =
  | {
    readonly kind: "w4a16";
    /** Inputs that share a scale; -1 means all of a channel. */
    readonly groupSize: number;
    /** Whether every zero point is the middle. */
    readonly symmetric: boolean;
    /** Whether `weight_g_idx` says which group an input is in. */
    readonly reordered: boolean;
  }
  | { readonly kind: "w8a16" | "w8a8" | "fp8" };

/** One entry of `config_groups`. */
export interface ConfigGroup {
  /** Names, classes and patterns of its layers. */
  readonly targets: readonly string[];
  /** How they are stored. */
  readonly layer: CompressedLayer;
}

/** A compressed-tensors checkpoint that this project reads. */
export interface CompressedTensorsConfig {
  /** Groups, in order. */
  readonly groups: readonly ConfigGroup[];
  /** Names, classes and patterns of layers that are left alone. */
  readonly ignore: readonly string[];
}

/** The class of all layers that a model asks for. */
const CLASS = "Linear";

/** Checks the keys of a `quantization_config`. */
export function parseCompressedTensors(fields: Fields): CompressedTensorsConfig {
  const sparsity = fields.fields("sparsity_config")?.string("format") ?? "dense";
  if (sparsity !== "dense") refuse(`the sparsity format "${sparsity}"`, "expected dense");
  for (const key of ["kv_cache_scheme", "transform_config"]) {
    const value = fields.raw(key);
    if (value === undefined || (isObject(value) && Object.keys(value).length === 0)) continue;
    refuse(`"${key}" of compressed-tensors`, `it is ${show(value)}, expected none`);
  }
  const format = fields.string("format");
  const groups = fields.fields("config_groups");
  if (groups === undefined) {
    return refuse(
      `a description of compressed-tensors without "config_groups"${
        format === undefined ? "" : ` (format "${format}")`
      }`,
      "expected the groups of layers that are quantized",
    );
  }
  return {
    groups: Object.keys(groups.object).map((name) =>
      parseGroup(groups.fields(name) ?? groups.fail(name, "a group of layers"), format)
    ),
    ignore: names(fields, "ignore"),
  };
}

/**
 * How the layer called `name` is stored; undefined where it is not quantized. A name counts before a pattern, a
 * pattern before a class.
 */
export function compressedLayer(
  { groups, ignore }: CompressedTensorsConfig,
  name: string,
): CompressedLayer | undefined {
  if (ignore.some((target) => rank(target, name) > 0)) return undefined;
  const ranked = groups.map(({ targets, layer }) => ({
    layer,
    rank: Math.max(0, ...targets.map((target) => rank(target, name))),
  }));
  const best = Math.max(0, ...ranked.map((one) => one.rank));
  return best === 0 ? undefined : ranked.find((one) => one.rank === best)!.layer;
}

function rank(target: string, name: string): number {
  if (target === name) return 3;
  if (target.startsWith("re:")) return matchesPattern(target.slice(3), name) ? 2 : 0;
  return target === CLASS ? 1 : 0;
}

function parseGroup(fields: Fields, fallback: string | undefined): ConfigGroup {
  const weights = fields.fields("weights");
  if (weights === undefined) return fields.fail("weights", "how weights are quantized");
  if (fields.raw("output_activations") !== undefined) {
    refuse("quantized output activations of compressed-tensors", "expected none");
  }
  const inputs = fields.fields("input_activations");
  const format = fields.string("format") ?? fallback;
  const what = `${format} of compressed-tensors`;
  const type = weights.string("type") ?? "int";
  const bits = weights.integer("num_bits", 8);
  const strategy = strategyOf(weights);
  if (weights.boolean("dynamic", false)) refuse(`dynamic weights in ${what}`, "expected static");
  const targets = names(fields, "targets");
  if (format === "pack-quantized") {
    if (inputs !== undefined) refuse(`quantized activations in ${what}`, "expected none");
    return { targets, layer: packed(weights, what, type, bits, strategy) };
  }
  const expected = format === "int-quantized" ? "int" : "float";
  if (format !== "int-quantized" && format !== "float-quantized") {
    refuse(
      `the format "${format}" of compressed-tensors`,
      "expected pack-quantized, int-quantized or float-quantized",
    );
  }
  if (type !== expected || bits !== 8) {
    refuse(`${bits}-bit ${type} weights in ${what}`, `expected 8-bit ${expected}`);
  }
  if (strategy !== "channel") refuse(`weights per ${strategy} in ${what}`, "expected channel");
  if (!weights.boolean("symmetric", true)) refuse(`asymmetric weights in ${what}`, "expected not");
  checkInputs(inputs, what, expected);
  return { targets, layer: { kind: expected === "int" ? "w8a8" : "fp8" } };
}

function packed(
  weights: Fields,
  what: string,
  type: string,
  bits: number,
  strategy: string,
): CompressedLayer {
  const symmetric = weights.boolean("symmetric", true);
  if (type !== "int" || (bits !== 4 && bits !== 8)) {
    refuse(`${bits}-bit ${type} weights in ${what}`, "expected 4-bit or 8-bit int");
  }
  if (strategy !== "channel" && strategy !== "group") {
    refuse(`weights per ${strategy} in ${what}`, "expected channel or group");
  }
  const groupSize = strategy === "channel" ? -1 : weights.integer("group_size");
  if (bits === 4) {
    return { kind: "w4a16", groupSize, symmetric, reordered: isReordered(weights, groupSize) };
  }
  if (groupSize !== -1) refuse(`8-bit weights per group in ${what}`, "expected channel");
  if (!symmetric) refuse(`asymmetric 8-bit weights in ${what}`, "expected symmetric");
  return { kind: "w8a16" };
}

/** Of the orders only that of groups leaves a trace in the files. */
function isReordered(weights: Fields, groupSize: number): boolean {
  const order = weights.raw("actorder");
  const known = [undefined, true, false, "group", "dynamic", "weight", "static"];
  if (!known.includes(order as string | boolean | undefined)) {
    return weights.fail("actorder", "group, weight or none");
  }
  return groupSize !== -1 && (order === true || order === "group" || order === "dynamic");
}

/** Activations have one scale a row, found while running. */
function checkInputs(inputs: Fields | undefined, what: string, type: string): void {
  if (inputs === undefined) return refuse(`activations in 16 bits in ${what}`, "expected 8");
  const found = inputs.string("type") ?? "int";
  const bits = inputs.integer("num_bits", 8);
  if (found !== type || bits !== 8) {
    refuse(`${bits}-bit ${found} activations in ${what}`, `expected 8-bit ${type}`);
  }
  if (inputs.raw("dynamic") !== true) {
    refuse(`static scales of activations in ${what}`, "expected dynamic true");
  }
  const strategy = strategyOf(inputs);
  if (strategy !== "token") refuse(`activations per ${strategy} in ${what}`, "expected token");
  if (!inputs.boolean("symmetric", true)) {
    refuse(`asymmetric activations in ${what}`, "expected symmetric");
  }
}

/** Where none is named, the group size says it. */
function strategyOf(fields: Fields): string {
  const named = fields.string("strategy");
  if (named !== undefined) return named.toLowerCase();
  if (fields.raw("group_size") === undefined) return "tensor";
  return fields.integer("group_size", undefined, -1) === -1 ? "channel" : "group";
}

function names(fields: Fields, key: string): readonly string[] {
  const value = fields.raw(key) ?? [];
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
  return fields.fail(key, "a list of names");
}

function refuse(feature: string, expected: string): never {
  throw new UnsupportedModelError(feature, expected);
}

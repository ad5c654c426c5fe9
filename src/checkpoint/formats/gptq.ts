/**
 * Linear layers of GPTQ checkpoints: w[output, input] = (q - z) s[group of input, output].
 *
 * Per layer, as AutoGPTQ and GPTQModel write them: `qweight` i32 [k bits/32, n], the lowest bits of a word the
 * first input; `qzeros` i32 [groups, n bits/32]; `scales` f16 [groups, n]; `g_idx` i32 [k].
 *
 * @module
 */
import { CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import { showShape } from "../../base/shape.ts";
import { expectFloat, expectTensor, readScales, readScalesF16, readWords } from "./expect.ts";
import type { Format } from "./format.ts";
import { type GptqConfig, gptqLayerConfig, parseGptqConfig } from "./gptq_config.ts";
import { readOrder } from "./group_order.ts";
import type { TensorSource } from "../containers/source.ts";
import type { LinearShape, StoredLinear, StoredW4A16, StoredW8 } from "./stored_linear.ts";
import { unpackZeros } from "./zero_points.ts";

export type { GptqConfig };

/** The format of AutoGPTQ and GPTQModel: 4 bits, or 8 bits symmetric per channel. */
export const gptq: Format<GptqConfig> = {
  parse: parseGptqConfig,
  linear(source, shape, config): StoredLinear | undefined {
    if (source.find(`${shape.prefix}.qweight`) === undefined) return undefined;
    const layer = gptqLayerConfig(config, shape.prefix);
    if (layer === undefined) {
      const name = `${shape.prefix}.qweight`;
      throw new CheckpointError(
        source.info(name).file,
        `it is there, expected none as "dynamic" leaves ${shape.prefix} unquantized`,
        name,
      );
    }
    const merged = { ...config, ...layer };
    return merged.bits === 4 ? linear4(source, shape, merged) : linear8(source, shape, merged);
  },
};

/** Checks the 4-bit layer at `prefix`, whose size is that of its tensors. */
export function describeGptqLinear(
  source: TensorSource,
  prefix: string,
  config: GptqConfig,
): StoredW4A16 {
  const name = `${prefix}.qweight`;
  const { shape, file } = source.info(name);
  if (shape.length !== 2 || shape[0] === 0 || shape[1] === 0) {
    throw new CheckpointError(file, `shape is ${showShape(shape)}, expected [k/8, n]`, name);
  }
  return linear4(source, { prefix, n: shape[1], k: shape[0] * 8 }, config);
}

function linear4(
  source: TensorSource,
  { prefix, n, k }: LinearShape,
  config: GptqConfig,
): StoredW4A16 {
  const group = config.groupSize === -1 ? k : Math.min(config.groupSize, k);
  const groups = Math.ceil(k / group);
  expectTensor(source, `${prefix}.qweight`, ["i32"], [k / 8, n]);
  expectFloat(source, `${prefix}.scales`, [groups, n]);
  const zeros = readZeros(source, `${prefix}.qzeros`, config, groups, n);
  const order = orderOf(source, prefix, config, k, group);
  return {
    kind: "w4a16",
    prefix,
    n,
    k,
    group,
    groups,
    groupSize: config.groupSize,
    weight: { tensor: `${prefix}.qweight`, layout: "plain" },
    asymmetric: zeros !== undefined,
    ...(order && { order }),
    scales: () => ({
      scales: readScalesF16(source, `${prefix}.scales`, [groups, n], "any"),
      ...(zeros && { zeros }),
    }),
  };
}

/** 8 bits are read per channel and symmetric: what quantized output projections are. */
function linear8(
  source: TensorSource,
  { prefix, n, k }: LinearShape,
  config: GptqConfig,
): StoredW8 {
  if (config.groupSize !== -1 && config.groupSize < k) {
    throw new UnsupportedModelError(
      `8-bit GPTQ in groups of ${config.groupSize} (layer "${prefix}")`,
      "expected group_size -1",
    );
  }
  const [weight, scales] = [`${prefix}.qweight`, `${prefix}.scales`];
  expectTensor(source, weight, ["i32"], [k / 4, n]);
  expectFloat(source, scales, [1, n]);
  checkZeros8(source, `${prefix}.qzeros`, config, n);
  orderOf(source, prefix, config, k, k);
  return {
    kind: "w8a16",
    prefix,
    n,
    k,
    weight: { tensor: weight, layout: "gptq8" },
    scales: () => readScales(source, scales, [1, n], "any"),
  };
}

/** What the two versions of the format add to the zero points that they store. */
const ADDED: Readonly<Record<GptqConfig["format"], number>> = { gptq: 1, gptq_v2: 0 };

/**
 * Zero points of asymmetric checkpoints; symmetric ones may leave the tensor out. Some say one version and store the
 * other: of symmetric ones, whose zero points are all 8, the tensor tells; of asymmetric ones nothing does, and they
 * are read as they say.
 */
function readZeros(
  source: TensorSource,
  name: string,
  { format, symmetric }: GptqConfig,
  groups: number,
  n: number,
): Uint8Array<ArrayBuffer> | undefined {
  if (source.find(name) === undefined) {
    if (symmetric) return undefined;
    throw new CheckpointError(source.file, "it is missing, expected one as sym is false", name);
  }
  const words = readWords(source, name, [groups, Math.ceil(n / 8)]);
  const zeros = unpackZeros(words, groups, n, ADDED[format]);
  if (zeros === undefined || !symmetric) return zeros;
  if (unpackZeros(words, groups, n, 1 - ADDED[format]) === undefined) return undefined;
  const at = zeros.findIndex((zero) => zero !== 8);
  throw new CheckpointError(
    source.info(name).file,
    `group ${Math.floor(at / n)} has a zero point of ${
      zeros[at]
    } (${format}), expected 8 as sym is true`,
    name,
  );
}

function checkZeros8(
  source: TensorSource,
  name: string,
  { format, symmetric }: GptqConfig,
  n: number,
): void {
  if (source.find(name) === undefined) return;
  const words = readWords(source, name, [1, Math.ceil(n / 4)]);
  const bytes = new Uint8Array(words.buffer, 0, n);
  const stored = 128 - ADDED[format];
  const other = 127 + ADDED[format];
  if (symmetric && bytes.every((value) => value === other)) return;
  const at = bytes.findIndex((value) => value !== stored);
  if (at < 0) return;
  throw new UnsupportedModelError(
    `asymmetric 8-bit GPTQ (tensor "${name}")`,
    `element ${at} is ${bytes[at]} (${format}), expected ${stored}`,
  );
}

function orderOf(
  source: TensorSource,
  prefix: string,
  config: GptqConfig,
  k: number,
  group: number,
): Int32Array<ArrayBuffer> | undefined {
  const name = `${prefix}.g_idx`;
  if (source.find(name) !== undefined) return readOrder(source, name, k, group);
  if (!config.descAct) return undefined;
  throw new CheckpointError(
    source.file,
    "it is missing, expected i32 [k] as desc_act is true",
    name,
  );
}

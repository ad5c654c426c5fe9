/**
 * W4A16: 4-bit weights with a scale for each group of inputs, 16-bit activations, from GPTQ files.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import { sameShape, showShape } from "../base/shape.ts";
import { type Tensor, tensor } from "../device/mod.ts";
import { gatherColumns, gemmW4A16, w4a16Bytes, w4a16Pack } from "../ops/mod.ts";
import { checkScales, describeGptqLinear, type GptqConfig } from "../checkpoint/gptq.ts";
import { loadBias } from "./f16.ts";
import { checkFloat, type WeightLoader } from "./loader.ts";
import type { LinearPart, Scheme, StoredWeights } from "./scheme.ts";

function configOf(weights: StoredWeights): GptqConfig {
  const { quantization } = weights;
  if (quantization?.method !== "gptq") {
    throw new Error("w4a16 was asked for a layer that is not GPTQ");
  }
  return quantization.config;
}

function sameOrder(a: Int32Array | undefined, b: Int32Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

/** Streams a stored layer into staging memory: weights, then scales from the next multiple of 256 bytes on. */
function stage(
  loader: WeightLoader,
  { prefix, n, k }: LinearPart,
  groups: number,
): { qweight: Tensor<"i32">; scales: Tensor<"f16"> } {
  const { source } = loader.weights;
  const scalesAt = Math.ceil((n * k) / 512) * 256;
  const { address } = loader.staging(scalesAt + groups * n * 2);
  const qweight = tensor(address, "i32", [k / 8, n]);
  const scales = tensor(address + BigInt(scalesAt), "f16", [groups, n]);
  loader.stream(qweight, `${prefix}.qweight`);
  const name = `${prefix}.scales`;
  loader.stream(scales, name, (piece, offset) => checkScales(source, name, piece, offset));
  return { qweight, scales };
}

/** The scheme W4A16, symmetric, any group size. */
export const w4a16: Scheme = {
  name: "w4a16",
  activationForm: "rows",
  matches: (weights, prefix) =>
    weights.quantization?.method === "gptq" &&
    weights.source.find(`${prefix}.qweight`) !== undefined,
  check(weights, part) {
    const name = `${part.prefix}.qweight`;
    const { file, shape } = weights.source.info(name);
    const expected = [part.k / 8, part.n];
    if (!sameShape(shape, expected)) {
      throw new CheckpointError(
        file,
        `its shape is ${showShape(shape)}, expected ${showShape(expected)}`,
        name,
      );
    }
    // Zero points and order as well: what is not supported is refused before anything is loaded.
    const { groups } = describeGptqLinear(weights.source, part.prefix, configOf(weights));
    if (part.bias) checkFloat(weights, `${part.prefix}.bias`, [part.n]);
    return part.n * (part.k / 2 + 2 * groups);
  },
  describe(weights) {
    const { groupSize } = configOf(weights);
    return `w4a16-${groupSize === -1 ? "channel" : `g${groupSize}`}`;
  },
  load(loader, parts) {
    const { device, weights } = loader;
    const config = configOf(weights);
    const stored = parts.map((part) => describeGptqLinear(weights.source, part.prefix, config));
    const { k, group, groups, order } = stored[0];
    if (!stored.every((one) => one.group === group && sameOrder(one.order, order))) {
      return undefined;
    }
    const n = parts.reduce((sum: number, part: LinearPart) => sum + part.n, 0);
    const bytes = w4a16Bytes(device, n, k, group);
    const weight = loader.arena.allocate("u8", [bytes], parts[0].prefix);
    const permutation = order && loader.arena.fromHost("i32", [k], order);
    let at = 0;
    for (const part of parts) {
      const { qweight, scales } = stage(loader, part, groups);
      w4a16Pack(device, weight, {
        nTotal: n,
        nOffset: at,
        qweight,
        scales,
        order: permutation,
        n: part.n,
        k,
        group,
      });
      at += part.n;
    }
    const bias = loadBias(loader, parts);
    return {
      n,
      k,
      bytes,
      scratch: permutation ? k : 0,
      queue(y: Tensor, x: Tensor, epilogue, scratch?: Tensor): void {
        if (permutation) gatherColumns(device, scratch!, x, permutation);
        gemmW4A16(device, y, permutation ? scratch! : x, weight, { n, k, group, bias, epilogue });
      },
    };
  },
};

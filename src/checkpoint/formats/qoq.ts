/**
 * Linear layers of QServe's checkpoints (deepcompressor, omniserve): QoQ's 4-bit weights, or 8-bit ones, for
 * 8-bit activations. Nothing but the names of the tensors tells them.
 *
 * Per layer of 4 bits: `qweight` i8 [n, k/2], tiles of 32 x 32; `s1_scales` f16 [n]; without groups `s1_szeros`
 * f16 [n], zero point times scale; with groups `s2_scales` i8 [k/g, n] and `s2_zeros` i8 [k/g, n], minus zero point
 * times scale modulo 256, both permuted in 32s: place 4 lane + j holds output lane + 8 j.
 * Per layer of 8 bits: `weight` i8 [n, k], `dequant_scale` f16 [n].
 *
 * @module
 */
import { CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import { expectFloat, expectTensor, readFinite, readScales } from "./expect.ts";
import type { Format } from "./format.ts";
import type { TensorSource } from "../containers/source.ts";
import type { LinearShape, StoredW4A8, StoredW8, W4A8Scales } from "./stored_linear.ts";

/** Groups are multiples of this. */
const LEAST_GROUP = 32;

/** Whether the tensors are those of QServe. */
export function isQoq(source: TensorSource): boolean {
  return source.names().some((name) => /\.(s1_scales|dequant_scale)$/.test(name));
}

/** Nothing: the tensors say it all. */
export type QoqConfig = Readonly<Record<string, never>>;

/** The format of QServe; its description, where there is one, says nothing that the tensors do not. */
export const qoq: Format<QoqConfig> = {
  parse(fields) {
    for (const key of Object.keys(fields.object)) fields.has(key);
    return {};
  },
  linear(source, shape) {
    if (source.find(`${shape.prefix}.dequant_scale`) !== undefined) return linear8(source, shape);
    if (source.find(`${shape.prefix}.qweight`) !== undefined) return linear4(source, shape);
    return undefined;
  },
};

function linear8(source: TensorSource, { prefix, n, k }: LinearShape): StoredW8 {
  const [weight, scales] = [`${prefix}.weight`, `${prefix}.dequant_scale`];
  expectTensor(source, weight, ["i8"], [n, k]);
  expectFloat(source, scales, [n]);
  return {
    kind: "w8a8",
    prefix,
    n,
    k,
    weight: { tensor: weight, layout: "plain" },
    scales: () => readScales(source, scales, [n]),
  };
}

function linear4(source: TensorSource, { prefix, n, k }: LinearShape): StoredW4A8 {
  const weight = `${prefix}.qweight`;
  const { file } = source.info(weight);
  if (n % 32 !== 0 || k % 32 !== 0) {
    throw new CheckpointError(
      file,
      `it belongs to a layer [${n}, ${k}], expected multiples of 32`,
      weight,
    );
  }
  expectTensor(source, weight, ["i8"], [n, k / 2]);
  expectFloat(source, `${prefix}.s1_scales`, [n]);
  const group = groupOf(source, prefix, n, k);
  return {
    kind: "w4a8",
    origin: "qoq",
    prefix,
    n,
    k,
    group,
    groupSize: group > 0 ? group : -1,
    weight: { tensor: weight, layout: "qoq" },
    scales(): W4A8Scales {
      const scales = readScales(source, `${prefix}.s1_scales`, [n]);
      if (group > 0) return { scales, ...readGroups(source, prefix, [k / group, n]) };
      return { scales, offsets: readFinite(source, `${prefix}.s1_szeros`, [n]) };
    },
  };
}

/** Inputs of a group, 0 without groups, from the tensors' shapes. */
function groupOf(source: TensorSource, prefix: string, n: number, k: number): number {
  const name = `${prefix}.s2_scales`;
  const found = source.find(name);
  if (found === undefined) {
    expectFloat(source, `${prefix}.s1_szeros`, [n]);
    return 0;
  }
  const group = k / found.shape[0];
  if (!Number.isInteger(group) || group % LEAST_GROUP !== 0) {
    throw new CheckpointError(
      found.file,
      `it has ${
        found.shape[0]
      } groups for ${k} inputs, expected groups of a multiple of ${LEAST_GROUP}`,
      name,
    );
  }
  expectTensor(source, name, ["i8"], [k / group, n]);
  expectTensor(source, `${prefix}.s2_zeros`, ["i8"], [k / group, n]);
  return group;
}

/** Scales and zero points of groups, in order of outputs. */
function readGroups(
  source: TensorSource,
  prefix: string,
  [groups, n]: readonly [number, number],
): { groupScales: Float16Array<ArrayBuffer>; groupZeros: Uint8Array<ArrayBuffer> } {
  const [scaleName, zeroName] = [`${prefix}.s2_scales`, `${prefix}.s2_zeros`];
  const scales = new Int8Array(source.read(scaleName).buffer);
  const zeros = new Int8Array(source.read(zeroName).buffer);
  const groupScales = new Float16Array(groups * n);
  const groupZeros = new Uint8Array(groups * n);
  for (let i = 0; i < scales.length; i++) {
    const scale = scales[i];
    if (scale < 0) {
      throw new CheckpointError(
        source.info(scaleName).file,
        `element ${i} is ${scale}, expected 0 to 127`,
        scaleName,
      );
    }
    // The kernel adds modulo 256, so what is stored is minus the product of zero point and scale.
    const product = -zeros[i] & 255;
    const zero = scale === 0 ? 0 : product / scale;
    if (!Number.isInteger(zero) || zero > 15 || (scale === 0 && product !== 0)) {
      throw new UnsupportedModelError(
        `a QoQ zero point that is no multiple of its scale (tensor "${zeroName}")`,
        `element ${i} stands for ${product} at scale ${scale}, expected 0 to 15 times the scale`,
      );
    }
    const to = i - i % 32 + 8 * (i % 4) + Math.floor((i % 32) / 4);
    groupScales[to] = scale;
    groupZeros[to] = zero;
  }
  return { groupScales, groupZeros };
}

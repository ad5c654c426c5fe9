/**
 * Linear layers of GPTQ checkpoints: w[output, input] = (q - 8) s[group of input, output].
 *
 * @module
 */
import { CheckpointError, UnsupportedModelError } from "../base/errors.ts";
import type { DType } from "../base/dtype.ts";
import { sameShape, type Shape, showShape } from "../base/shape.ts";
import type { GptqConfig } from "./gptq_config.ts";
import type { TensorSource } from "./source.ts";

export type { GptqConfig };

/** A symmetric 4-bit linear layer, checked; `prefix`.qweight is i32 [k/8, n], `prefix`.scales f16 [groups, n]. */
export interface GptqLinear {
  /** Outputs. */
  readonly n: number;
  /** Inputs; a multiple of 8. */
  readonly k: number;
  /** Inputs of a group (the last may be short); `k` where the checkpoint says -1. */
  readonly group: number;
  /** Groups of inputs: ceil(k/group). */
  readonly groups: number;
  /** Packed input j is stored input order[j]; absent where both are the same. i32 [k]. */
  readonly order?: Int32Array<ArrayBuffer>;
}

/**
 * Checks the layer whose tensors are `prefix`.qweight and so on: shapes, zero points and order, reading neither
 * weights nor scales. A CheckpointError names the tensor at fault.
 */
export function describeGptqLinear(
  source: TensorSource,
  prefix: string,
  config: GptqConfig,
): GptqLinear {
  const name = `${prefix}.qweight`;
  const { shape, file } = source.info(name);
  if (shape.length !== 2 || shape[0] === 0 || shape[1] === 0) {
    throw new CheckpointError(file, `shape is ${showShape(shape)}, expected [k/8, n]`, name);
  }
  const [k, n] = [shape[0] * 8, shape[1]];
  const group = config.groupSize === -1 ? k : Math.min(config.groupSize, k);
  const groups = Math.ceil(k / group);
  expectTensor(source, name, "i32", shape);
  expectTensor(source, `${prefix}.scales`, "f16", [groups, n]);
  checkZeros(source, `${prefix}.qzeros`, config, groups, n);
  const order = readOrder(source, `${prefix}.g_idx`, config, k, group);
  return { n, k, group, groups, ...(order && { order }) };
}

/** Throws a CheckpointError where the scales in `bytes`, which begin at byte `offset` of the tensor, are not all finite. */
export function checkScales(
  source: TensorSource,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  offset = 0,
): void {
  const bits = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  for (let i = 0; i < bits.length; i++) {
    if ((bits[i] & 0x7c00) !== 0x7c00) continue;
    throw new CheckpointError(
      source.info(name).file,
      `element ${offset / 2 + i} is not a finite number`,
      name,
    );
  }
}

function expectTensor(source: TensorSource, name: string, dtype: DType, shape: Shape): void {
  const info = source.info(name);
  if (info.dtype === dtype && sameShape(info.shape, shape)) return;
  throw new CheckpointError(
    info.file,
    `it is ${info.dtype} ${showShape(info.shape)}, expected ${dtype} ${showShape(shape)}`,
    name,
  );
}

function readExactly(
  source: TensorSource,
  name: string,
  dtype: DType,
  shape: Shape,
): Uint8Array<ArrayBuffer> {
  expectTensor(source, name, dtype, shape);
  return source.read(name);
}

/** Every zero point must be 8. Symmetric checkpoints may leave the tensor out. */
function checkZeros(
  source: TensorSource,
  name: string,
  config: GptqConfig,
  groups: number,
  n: number,
): void {
  if (source.find(name) === undefined) return;
  const columns = Math.ceil(n / 8);
  const words = new Uint32Array(readExactly(source, name, "i32", [groups, columns]).buffer);
  const stored = config.format === "gptq" ? 7 : 8;
  const expected = stored * 0x11111111;
  const partial = n % 8 === 0 ? 0xffffffff : (1 << (4 * (n % 8))) - 1; // bits in use of the last word
  for (let i = 0; i < words.length; i++) {
    const mask = i % columns === columns - 1 ? partial : 0xffffffff;
    const difference = ((words[i] ^ expected) & mask) >>> 0;
    if (difference === 0) continue;
    const nibble = Math.floor((31 - Math.clz32(difference & -difference)) / 4);
    const zero = ((words[i] >>> (4 * nibble)) & 15) + (config.format === "gptq" ? 1 : 0);
    throw new UnsupportedModelError(
      `asymmetric GPTQ (tensor "${name}")`,
      `group ${Math.floor(i / columns)} has a zero point of ${zero} (${config.format}), expected 8`,
    );
  }
}

/** The permutation that sorts inputs by group, or undefined where they are sorted. */
function readOrder(
  source: TensorSource,
  name: string,
  config: GptqConfig,
  k: number,
  group: number,
): Int32Array<ArrayBuffer> | undefined {
  if (source.find(name) === undefined) {
    if (!config.descAct) return undefined;
    throw new CheckpointError(
      source.file,
      "it is missing, expected i32 [k] as desc_act is true",
      name,
    );
  }
  const index = new Int32Array(readExactly(source, name, "i32", [k]).buffer);
  if (index.every((value, j) => value === Math.floor(j / group))) return undefined;
  const groups = Math.ceil(k / group);
  // Stable counting sort: next[g] is where the next input of group g goes.
  const next = Int32Array.from({ length: groups }, (_, g) => g * group);
  const order = new Int32Array(k);
  const { file } = source.info(name);
  for (let j = 0; j < k; j++) {
    const g = index[j];
    if (!(g >= 0 && g < groups)) {
      throw new CheckpointError(file, `element ${j} is ${g}, expected 0 to ${groups - 1}`, name);
    }
    if (next[g] >= Math.min((g + 1) * group, k)) {
      const size = Math.min(group, k - g * group);
      throw new CheckpointError(file, `group ${g} has more than ${size} inputs`, name);
    }
    order[next[g]++] = j;
  }
  return order;
}

/**
 * Every scheme as files store it, made by rounding to nearest: what suites that run all schemes share.
 *
 * @module
 */
import type { TensorToWrite } from "../src/checkpoint/containers/safetensors_writer.ts";
import { e4m3Byte, encode, roundToEven, type TestDType } from "./half.ts";
import { gptq8, packingOrder, qoq, qqq, qqqGroup, rowsOfWords } from "./reference/layouts.ts";

/** A weight to store, [n, k]. */
export interface Weight {
  readonly values: Float64Array;
  readonly n: number;
  readonly k: number;
}

/** Tensors of one layer, by the end of their names. */
type Packed = Record<
  string,
  readonly [dtype: TestDType, shape: readonly number[], values: ArrayLike<number>]
>;

/** A scheme to test. */
export interface StoredScheme {
  /** What a model in it is described as, in layers of 256 inputs; for f16 and bf16 the dtype. */
  readonly name: string;
  /** The dtype of what is not quantized. */
  readonly dtype: "f16" | "bf16";
  /** The key `quantization_config`; absent where nothing is quantized. */
  readonly config?: Record<string, unknown>;
  /** The layer called `name` as it is stored; undefined where it is left as it was. */
  pack(name: string, weight: Weight): Packed | undefined;
}

/** A number for each group of a weight: `of` gets the values of a group. Flat [n, groups]. */
function perGroup({ values, n, k }: Weight, group: number, of: (part: Float64Array) => number) {
  const found = new Float64Array((n * k) / group);
  for (let i = 0; i < found.length; i++) found[i] = of(values.subarray(i * group, (i + 1) * group));
  return found;
}

/** The value of largest magnitude, with its sign. */
function peak(part: Float64Array): number {
  let most = 0;
  for (let i = 0; i < part.length; i++) if (Math.abs(part[i]) > Math.abs(most)) most = part[i];
  return most;
}

/** The least value, 0 where all are above. */
function lowest(part: Float64Array): number {
  let least = 0;
  for (let i = 0; i < part.length; i++) least = Math.min(least, part[i]);
  return least;
}

/** From the least value, or 0, to the greatest, or 0. */
function range(part: Float64Array): number {
  let [least, greatest] = [0, 0];
  for (let i = 0; i < part.length; i++) {
    least = Math.min(least, part[i]);
    greatest = Math.max(greatest, part[i]);
  }
  return greatest - least;
}

const absmax = (part: Float64Array): number => Math.abs(peak(part));

const clamp = (value: number, low: number, high: number): number =>
  Math.min(high, Math.max(low, value));

/** Codes 0 to `top` of values / scale + zero. */
function codes(
  { values }: Weight,
  group: number,
  scale: ArrayLike<number>,
  zero: (i: number) => number,
  top: number,
): number[] {
  const found = new Array<number>(values.length);
  for (let g = 0; g * group < found.length; g++) {
    const at = zero(g);
    for (let i = g * group; i < (g + 1) * group; i++) {
      found[i] = clamp(roundToEven(values[i] / scale[g]) + at, 0, top);
    }
  }
  return found;
}

/** [rows, columns] as [columns, rows]. */
function transposed(values: ArrayLike<number>, rows: number, columns: number): number[] {
  const found = new Array<number>(values.length);
  for (let i = 0; i < found.length; i++) {
    found[i] = values[(i % rows) * columns + Math.floor(i / rows)];
  }
  return found;
}

/** Neighbours permuted in runs: place p of a run holds the neighbour order[p]. */
function permuted(values: ArrayLike<number>, order: readonly number[]): number[] {
  const found = new Array<number>(values.length);
  for (let i = 0; i < found.length; i++) {
    found[i] = values[i - i % order.length + order[i % order.length]];
  }
  return found;
}

const MARLIN_GROUP = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((i) =>
  [0, 8, 16, 24, 32, 40, 48, 56].map((j) => i + j)
);
const MARLIN_CHANNEL = [0, 2, 4, 6].flatMap((i) => [0, 1, 8, 9, 16, 17, 24, 25].map((j) => i + j));
const QSERVE_LANES = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((i) => [0, 8, 16, 24].map((j) => i + j));

/** GPTQ v2 of 4 bits; without zero points as AutoRound writes it, scales of either sign. */
function gptq4(weight: Weight, size: number, symmetric: boolean): Packed {
  const { n, k } = weight;
  const group = size === -1 ? k : Math.min(size, k);
  const groups = k / group;
  const scale = symmetric
    ? perGroup(weight, group, (part) => Math.f16round(peak(part) / -8))
    : perGroup(weight, group, (part) => Math.f16round(range(part) / 15));
  const least = perGroup(weight, group, lowest);
  const zero = (g: number): number =>
    symmetric ? 8 : clamp(roundToEven(-least[g] / scale[g]), 0, 15);
  const zeros = transposed(Array.from(scale, (_, g) => zero(g)), n, groups);
  return {
    qweight: ["i32", [k / 8, n], packingOrder(codes(weight, group, scale, zero, 15), n, k)],
    qzeros: ["i32", [groups, n / 8], rowsOfWords(zeros, 4)],
    scales: ["f16", [groups, n], transposed(scale, n, groups)],
  };
}

/** GPTQ v2 of 8 bits, per channel; scales likewise. */
function gptqOf8(weight: Weight): Packed {
  const { n, k } = weight;
  const scale = perGroup(weight, k, (part) => Math.f16round(peak(part) / -128));
  return {
    qweight: ["i32", [k / 4, n], gptq8(codes(weight, k, scale, () => 128, 255), n, k)],
    scales: ["f16", [1, n], scale],
  };
}

/** `of` of each value of a weight divided by the scale of its output. */
function scaled({ values, k }: Weight, scale: Float64Array, of: (value: number) => number) {
  const found = new Float64Array(values.length);
  for (let i = 0; i < found.length; i++) found[i] = of(values[i] / scale[Math.floor(i / k)]);
  return found;
}

function w8a8(weight: Weight): Packed {
  const { n, k } = weight;
  const scale = perGroup(weight, k, (part) => Math.fround(absmax(part) / 127));
  const q = scaled(weight, scale, (value) => clamp(roundToEven(value), -128, 127));
  return { weight: ["i8", [n, k], q], weight_scale: ["f32", [n, 1], scale] };
}

function fp8(weight: Weight): Packed {
  const { n, k } = weight;
  const scale = perGroup(weight, k, (part) => Math.fround(absmax(part) / 448));
  const bytes = scaled(weight, scale, e4m3Byte);
  return { weight: ["u8", [n, k], bytes], weight_scale: ["f32", [n, 1], scale] };
}

function qqqOf(weight: Weight, size: number): Packed {
  const { n, k } = weight;
  const B = (words: ArrayLike<number>) => ["i32", [k / 16, 2 * n], words] as const;
  if (size === -1 || size === k) {
    const scale = perGroup(weight, k, (part) => Math.fround(absmax(part) / 7));
    const channel = permuted(scale.map((s) => s / 16), MARLIN_CHANNEL);
    return {
      B: B(qqq(codes(weight, k, scale, () => 8, 15), n, k)),
      s_channel: ["f32", [1, n], channel],
    };
  }
  const groups = k / size;
  const scale = perGroup(weight, size, (part) => absmax(part) / 7);
  const channel = perGroup(weight, k, (part) => Math.fround(absmax(part) / 127));
  const relative = scale.map((s, i) => s / channel[Math.floor(i / groups)]);
  return {
    B: B(qqqGroup(codes(weight, size, scale, () => 8, 15), n, k)),
    s_channel: ["f32", [1, n], permuted(channel, MARLIN_CHANNEL)],
    s_group: ["f16", [groups, n], permuted(transposed(relative, n, groups), MARLIN_GROUP)],
  };
}

function qoqOf(weight: Weight, size: number): Packed {
  const { n, k } = weight;
  const stored = (q: number[]) => ["i8", [n, k / 2], qoq(q, n, k)] as const;
  if (size === -1) {
    const scale = perGroup(weight, k, (part) => Math.f16round(range(part) / 15));
    const least = perGroup(weight, k, lowest);
    const zero = (g: number): number => clamp(roundToEven(-least[g] / scale[g]), 0, 15);
    return {
      qweight: stored(codes(weight, k, scale, zero, 15)),
      s1_scales: ["f16", [n], scale],
      s1_szeros: ["f16", [n], scale.map((s, i) => zero(i) * s)],
    };
  }
  const groups = k / size;
  const scale = perGroup(weight, k, (part) => Math.f16round(absmax(part) / 119));
  const first = { ...weight, values: scaled(weight, scale, roundToEven) };
  const second = perGroup(first, size, (part) => Math.max(1, roundToEven(range(part) / 15)));
  const least = perGroup(first, size, lowest);
  const zero = (g: number): number => clamp(roundToEven(-least[g] / second[g]), 0, 15);
  const lanes = (values: ArrayLike<number>) =>
    permuted(transposed(values, n, groups), QSERVE_LANES);
  return {
    qweight: stored(codes(first, size, second, zero, 15)),
    s1_scales: ["f16", [n], scale],
    s2_scales: ["i8", [groups, n], lanes(second)],
    // Minus the product, modulo 256, as i8.
    s2_zeros: ["i8", [groups, n], lanes(second.map((s, g) => (-(s * zero(g)) << 24) >> 24))],
  };
}

const GPTQ = { quant_method: "gptq", bits: 4, checkpoint_format: "gptq_v2" };

function compressed(format: string, type: string): Record<string, unknown> {
  const all = { num_bits: 8, type, symmetric: true };
  return {
    quant_method: "compressed-tensors",
    format,
    config_groups: {
      group_0: {
        targets: ["Linear"],
        weights: { ...all, strategy: "channel", dynamic: false },
        input_activations: { ...all, strategy: "token", dynamic: true },
      },
    },
    ignore: [],
  };
}

function scheme(
  name: string,
  config: Record<string, unknown> | undefined,
  pack: StoredScheme["pack"],
  dtype: "f16" | "bf16" = "f16",
): StoredScheme {
  return { name, config, pack, dtype };
}

/**
 * Every scheme; the output projection and heads are stored in it too, but in the last ones, which have another for
 * the output projection alone.
 */
export const STORED_SCHEMES: readonly StoredScheme[] = [
  scheme("f16", undefined, () => undefined),
  scheme("bf16", undefined, () => undefined, "bf16"),
  ...([32, 64, 128, -1] as const).map((group) =>
    scheme(
      `w4a16-${group === -1 ? "channel" : `g${group}`}`,
      { ...GPTQ, group_size: group },
      (_, weight) => gptq4(weight, group, true),
    )
  ),
  scheme(
    "w4a16-g64-asym",
    { ...GPTQ, group_size: 64, sym: false },
    (_, weight) => gptq4(weight, 64, false),
    "bf16",
  ),
  scheme("w8a16", { ...GPTQ, bits: 8, group_size: -1 }, (_, weight) => gptqOf8(weight)),
  scheme("w8a8", compressed("int-quantized", "int"), (_, weight) => w8a8(weight)),
  scheme("w8a8", compressed("int-quantized", "int"), (_, weight) => w8a8(weight), "bf16"),
  scheme("fp8", compressed("float-quantized", "float"), (_, weight) => fp8(weight)),
  scheme(
    "w4a8-qqq",
    { quant_method: "qqq", wbits: 4, group_size: -1 },
    (_, weight) => qqqOf(weight, -1),
  ),
  scheme(
    "w4a8-qqq-g128",
    { quant_method: "qqq", wbits: 4, group_size: 128 },
    (_, weight) => qqqOf(weight, 128),
  ),
  scheme("w4a8-qoq", { quant_method: "qoq" }, (_, weight) => qoqOf(weight, -1)),
  scheme("w4a8-qoq-g128", { quant_method: "qoq" }, (_, weight) => qoqOf(weight, 128)),
  scheme(
    "f16",
    { ...GPTQ, group_size: -1, dynamic: { lm_head: { bits: 8 } } },
    (name, weight) => name === "lm_head" ? gptqOf8(weight) : undefined,
  ),
  scheme(
    "w8a8",
    {
      ...compressed("int-quantized", "int"),
      ignore: ["lm_head"],
    },
    (name, weight) => name === "lm_head" ? undefined : w8a8(weight),
  ),
  scheme(
    "f16",
    { ...GPTQ, group_size: 64, lm_head: true },
    (name, weight) => name === "lm_head" ? gptq4(weight, 64, true) : undefined,
  ),
];

/** The values as bytes of `dtype`. */
export function bytesOf(dtype: TestDType, values: ArrayLike<number>): Uint8Array {
  const { buffer, byteOffset, byteLength } = encode(dtype, values);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The tensors to write for the layer at `prefix`. */
export function toWrite(prefix: string, packed: Packed): TensorToWrite[] {
  return Object.entries(packed).map(([part, [dtype, shape, values]]) => ({
    name: `${prefix}.${part}`,
    // e4m3 is given by its bytes.
    dtype: part === "weight" && dtype === "u8" ? "f8_e4m3" : dtype,
    shape,
    data: () => bytesOf(dtype, values),
  }));
}

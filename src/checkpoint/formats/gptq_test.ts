import { assertEquals, assertThrows } from "@std/assert";
import { readGptqLinear, type WholeGptqLinear } from "../../../tests/quantize/gptq_linear.ts";
import { random as seeded } from "../../../tests/random.ts";
import { CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import { type GptqConfig, gptqLayerConfig, parseGptqConfig } from "./gptq_config.ts";
import { Fields } from "../containers/json.ts";
import { parseQuantization } from "./quantization.ts";
import { openSafetensors } from "../containers/safetensors.ts";
import { type TensorToWrite, writeSafetensors } from "../containers/safetensors_writer.ts";
import type { TensorSource } from "../containers/source.ts";

const CONFIG: GptqConfig = {
  bits: 4,
  groupSize: 32,
  descAct: false,
  symmetric: true,
  staticGroups: false,
  format: "gptq",
  lmHead: false,
};

/** A layer by its elements, in stored order. */
interface Layer {
  readonly n: number;
  readonly k: number;
  readonly q: (input: number, output: number) => number;
  readonly scale: (group: number, output: number) => number;
  readonly index?: number[];
  readonly zeros?: number;
  readonly groups: number;
}

function tensorsOf({ n, k, q, scale, index, zeros, groups }: Layer): TensorToWrite[] {
  const qweight = new Uint32Array((k / 8) * n);
  for (let j = 0; j < k; j++) {
    for (let o = 0; o < n; o++) qweight[(j >> 3) * n + o] |= q(j, o) << (4 * (j & 7));
  }
  const scales = Float16Array.from(
    { length: groups * n },
    (_, i) => scale(Math.floor(i / n), i % n),
  );
  const bytes = (a: ArrayBufferView<ArrayBuffer>) => () => new Uint8Array(a.buffer);
  const tensors: TensorToWrite[] = [
    { name: "l.qweight", dtype: "i32", shape: [k / 8, n], data: bytes(qweight) },
    { name: "l.scales", dtype: "f16", shape: [groups, n], data: bytes(scales) },
  ];
  if (index !== undefined) {
    tensors.push({
      name: "l.g_idx",
      dtype: "i32",
      shape: [k],
      data: bytes(Int32Array.from(index)),
    });
  }
  if (zeros !== undefined) {
    const columns = Math.ceil(n / 8);
    const words = new Uint32Array(groups * columns).fill(zeros);
    tensors.push({ name: "l.qzeros", dtype: "i32", shape: [groups, columns], data: bytes(words) });
  }
  return tensors;
}

function withSource<T>(tensors: TensorToWrite[], use: (source: TensorSource) => T): T {
  const dir = Deno.makeTempDirSync();
  try {
    writeSafetensors(`${dir}/t.safetensors`, tensors);
    using source = openSafetensors(`${dir}/t.safetensors`);
    return use(source);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** The weight of stored input j, output o, as the packed layout of the C ABI defines it. */
function dequantize({ n, k, group, qweight, scales, order }: WholeGptqLinear): number[][] {
  const words = new Uint32Array(qweight.buffer);
  const s = new Float16Array(scales.buffer);
  const weight = Array.from({ length: k }, () => new Array<number>(n));
  for (let packed = 0; packed < k; packed++) {
    const j = order ? order[packed] : packed;
    for (let o = 0; o < n; o++) {
      const q = (words[(j >> 3) * n + o] >>> (4 * (j & 7))) & 15;
      weight[j][o] = (q - 8) * s[Math.floor(packed / group) * n + o];
    }
  }
  return weight;
}

function layer(n: number, k: number, group: number, seed: number, permuted: boolean): Layer {
  const random = seeded(seed);
  const groups = Math.ceil(k / group);
  const q = Array.from({ length: k * n }, () => Math.floor(random() * 16));
  const s = Array.from({ length: groups * n }, () => Math.f16round(random() - 0.5)); // of both signs
  const index = Array.from({ length: k }, (_, j) => Math.floor(j / group));
  for (let j = k - 1; permuted && j > 0; j--) {
    const other = Math.floor(random() * (j + 1));
    [index[j], index[other]] = [index[other], index[j]];
  }
  return { n, k, groups, index, q: (j, o) => q[j * n + o], scale: (g, o) => s[g * n + o] };
}

const CASES: [string, Layer, GptqConfig][] = [
  ["trivial order, v1", { ...layer(24, 96, 32, 1, false), zeros: 0x77777777 }, CONFIG],
  ["trivial order, v2", { ...layer(24, 96, 32, 2, false), zeros: 0x88888888 }, {
    ...CONFIG,
    format: "gptq_v2",
  }],
  ["activation order", { ...layer(16, 128, 32, 3, true), zeros: 0x77777777 }, {
    ...CONFIG,
    descAct: true,
  }],
  ["activation order, last group short", layer(8, 72, 32, 4, true), { ...CONFIG, descAct: true }],
  ["per channel", layer(8, 64, 64, 5, false), { ...CONFIG, groupSize: -1 }],
  ["no g_idx", { ...layer(8, 64, 32, 6, false), index: undefined }, CONFIG],
  ["fewer inputs than a group", layer(8, 16, 16, 7, false), CONFIG],
  [
    "padding nibbles of zeros do not matter",
    { ...layer(9, 32, 32, 8, false), zeros: 0x77777777 },
    CONFIG,
  ],
];
for (const [name, stored, config] of CASES) {
  Deno.test(`gptq: ${name}`, () => {
    const linear = withSource(tensorsOf(stored), (source) => readGptqLinear(source, "l", config));
    assertEquals([linear.n, linear.k], [stored.n, stored.k]);
    assertEquals(linear.order !== undefined, name.startsWith("activation"));
    const weight = dequantize(linear);
    for (let j = 0; j < stored.k; j++) {
      const g = stored.index?.[j] ?? Math.floor(j / linear.group);
      for (let o = 0; o < stored.n; o++) {
        assertEquals(weight[j][o], (stored.q(j, o) - 8) * stored.scale(g, o));
      }
    }
  });
}

Deno.test("gptq: zero points of the nibbles in use count, modulo 16", () => {
  const stored = layer(9, 32, 32, 9, false);
  const tensors = tensorsOf({ ...stored, zeros: 0x77777777 });
  const read = (words: number[], symmetric = false) => {
    const changed = tensors.map((t) =>
      t.name === "l.qzeros"
        ? { ...t, data: () => new Uint8Array(Uint32Array.from(words).buffer) }
        : t
    );
    const config = { ...CONFIG, symmetric };
    return withSource(changed, (source) => readGptqLinear(source, "l", config)).zeros;
  };
  assertEquals(read([0x77777777, 0x12345677]), undefined);
  assertEquals(read([0x77777777, 0x12345677], true), undefined);
  assertEquals(read([0x77777777, 8]), Uint8Array.of(8, 8, 8, 8, 8, 8, 8, 8, 9));
  assertEquals(read([0xf7777770, 7]), Uint8Array.of(1, 8, 8, 8, 8, 8, 8, 0, 8));
  assertThrows(() => read([0x77777776, 7], true), CheckpointError, "zero point of 7 (gptq)");
});

Deno.test("gptq: symmetric zero points tell the version that a description does not", () => {
  // Version 1 stores 8 as 7, version 2 as it is.
  const stored = layer(8, 64, 32, 11, false);
  const weights = (zeros: number, format: GptqConfig["format"], symmetric = true) =>
    withSource(tensorsOf({ ...stored, zeros }), (source) => {
      const linear = readGptqLinear(source, "l", { ...CONFIG, format, symmetric });
      return [linear.asymmetric, linear.zeros, dequantize(linear)];
    });
  const expected = weights(0x77777777, "gptq");
  assertEquals(expected.slice(0, 2), [false, undefined]);
  assertEquals(weights(0x88888888, "gptq_v2"), expected);
  assertEquals(weights(0x88888888, "gptq"), expected);
  assertEquals(weights(0x77777777, "gptq_v2"), expected);
  // Of others, or where the tensor agrees with neither, nothing tells.
  assertEquals(weights(0x88888888, "gptq", false).slice(0, 2), [true, new Uint8Array(16).fill(9)]);
  assertThrows(() => weights(0x78777777, "gptq"), CheckpointError, "expected 8 as sym is true");
});

Deno.test("gptq: malformed layers", () => {
  const stored = layer(8, 64, 32, 10, true);
  const read = (change: (t: TensorToWrite) => TensorToWrite | undefined, config = CONFIG) => {
    const tensors = tensorsOf(stored).map(change).filter((t) => t !== undefined);
    return withSource(tensors, (source) => readGptqLinear(source, "l", config));
  };
  const replace = (name: string, more: Partial<TensorToWrite>) => (t: TensorToWrite) =>
    t.name === name ? { ...t, ...more } : t;
  const index = (...values: number[]) =>
    replace("l.g_idx", { data: () => new Uint8Array(Int32Array.from(values).buffer) });
  const zeros = new Array<number>(64).fill(0);
  assertThrows(() => read(index(...zeros)), CheckpointError, "group 0 has more than 32 inputs");
  assertThrows(() => read(index(2, ...zeros.slice(1))), CheckpointError, "element 0 is 2");
  assertThrows(() => read(index(-1, ...zeros.slice(1))), CheckpointError, "element 0 is -1");
  assertThrows(
    () => read(replace("l.scales", { shape: [8, 2] })),
    CheckpointError,
    `tensor "l.scales": its shape is [8, 2], expected [2, 8]`,
  );
  const scales = (value: number) => {
    const values = new Float16Array(16).fill(1);
    values[5] = value;
    return replace("l.scales", { data: () => new Uint8Array(values.buffer) });
  };
  for (const value of [-Infinity, Infinity, NaN]) {
    assertThrows(() => read(scales(value)), CheckpointError, `element 5 is ${value}, expected a`);
  }
  for (const value of [-1, -0, 0]) read(scales(value));
  assertThrows(
    () => read((t) => t.name === "l.scales" ? undefined : t),
    CheckpointError,
    "l.scales",
  );
  const without = (t: TensorToWrite) => t.name === "l.g_idx" ? undefined : t;
  assertThrows(() => read(without, { ...CONFIG, descAct: true }), CheckpointError, "desc_act");
});

Deno.test("gptq config: what is read and what is refused", () => {
  const base = { quant_method: "gptq", bits: 4, group_size: 128, sym: true };
  const parse = (more: object) => parseGptqConfig(new Fields("c", { ...base, ...more }));
  assertEquals(parse({}).format, "gptq");
  assertEquals(parse({ checkpoint_format: "gptq_v2", desc_act: true, static_groups: true }), {
    bits: 4,
    groupSize: 128,
    descAct: true,
    symmetric: true,
    staticGroups: true,
    format: "gptq_v2",
    lmHead: false,
  });
  assertEquals(parse({ group_size: -1, dynamic: {}, rotation: null }).groupSize, -1);
  for (
    const [more, feature] of [
      [{ bits: 3 }, "3-bit GPTQ"],
      [{ group_size: 16 }, "group_size 16"],
      [{ checkpoint_format: "marlin" }, `checkpoint_format "marlin"`],
      [{ dynamic: { "x": { bits: 2 } } }, "2-bit GPTQ"],
      [{ pack_dtype: "int8" }, "pack_dtype int8"],
    ] as const
  ) {
    assertThrows(() => parse(more), UnsupportedModelError, feature);
  }
  assertThrows(() => parse({ bits: "4" }), CheckpointError, `key "bits" is "4"`);
  const dynamic = {
    "-:lm_head": {},
    "+:.*\\.mlp": { bits: 8, group_size: -1 },
    "model": { bits: 4 },
  };
  const config = parse({ dynamic });
  const bits = (name: string) => gptqLayerConfig(config, name)?.bits;
  assertEquals(["lm_head", "model.x.mlp.y", "model.x", "other"].map(bits), [undefined, 8, 4, 4]);
  for (const pattern of ["(?P<x>a)", "("]) {
    const layers = parse({ dynamic: { [pattern]: {} } });
    assertThrows(() => gptqLayerConfig(layers, "a"), UnsupportedModelError, "the pattern");
  }
  for (const method of ["bitsandbytes", "fp8", "toString"]) {
    const fields = new Fields("c", { quant_method: method });
    withSource([], (source) => {
      assertThrows(() => parseQuantization(fields, source), UnsupportedModelError, `"${method}"`);
    });
  }
});

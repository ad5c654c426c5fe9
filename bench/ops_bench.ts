/**
 * Each op at the demo's sizes and at 1024 x 1024: time, GB/s, and the share of the copy bandwidth
 * measured in this run. A copy's bytes are those read plus those written. Weights are taken in turn
 * from enough copies to be read from memory; what is small stays in the processor's cache, so its
 * share may pass 100 %. The table is printed at the end.
 *
 * @module
 */

import { normal } from "../src/base/random.ts";
import { Arena, Device, type Tensor } from "../src/device/mod.ts";
import * as ops from "../src/ops/mod.ts";
import { Choice, type ChoiceOptions } from "../src/speculation/mod.ts";

const device = Device.open();
const arena = new Arena(device, "bench");

/** The demo target's sizes. */
const HIDDEN = 384;
const INTER = 1024;
const VOCAB = 3072;
const HEADS = { heads: 3, kvHeads: 1, headDim: 128 };
const QKV = (HEADS.heads + 2 * HEADS.kvHeads) * HEADS.headDim;
const SLOTS = 1024;
const LENGTH = 300;
const GROUP = 128;
/** Rows: plain decoding, a sequence, a tree. */
const ROWS = [1, 7, 30];
/** Bytes of all copies of a weight. */
const STREAMED = 128 << 20;
const COPY = 256 << 20;

interface Measured {
  readonly name: string;
  readonly bytes: number;
  seconds: number;
}

const table: Measured[] = [];

/** Registers a bench of one op that must read and write `bytes`; the best time counts. */
function bench(group: string, name: string, bytes: number, run: () => void): void {
  const measured: Measured = { name, bytes, seconds: Infinity };
  table.push(measured);
  const calls = bytes > 1 << 24 ? 1 : 20;
  Deno.bench({ name: calls === 1 ? name : `${name} x ${calls}`, group }, () => {
    const start = performance.now();
    for (let i = 0; i < calls; i++) run();
    device.synchronize();
    const seconds = (performance.now() - start) / 1000 / calls;
    measured.seconds = Math.min(measured.seconds, seconds);
  });
}

/** A tensor of zeros. */
function zeros<D extends "f16" | "f32" | "i32" | "u8" | "u64" | ops.QuantizedForm>(
  dtype: D,
  shape: number[],
) {
  const t = arena.allocate(dtype, shape);
  ops.fill(device, t, 0);
  return t as Tensor<D>;
}

/** Gives copies of a weight in turn. */
function inTurn<T>(bytes: number, make: () => T): () => T {
  const copies = Array.from({ length: Math.ceil(STREAMED / bytes) }, make);
  let next = 0;
  return () => copies[next++ % copies.length];
}

const big = [zeros("u8", [COPY]), zeros("u8", [COPY])];
bench("copy", `copy of ${COPY >> 20} MiB`, 2 * COPY, () => ops.copy(device, big[0], big[1]));

const products: [string, number, number][] = [
  ["qkv", QKV, HIDDEN],
  ["gate and up", 2 * INTER, HIDDEN],
  ["down", HIDDEN, INTER],
  ["1024 x 1024", 1024, 1024],
];
for (const [label, n, k] of products) {
  const bytes = ops.w4a16Bytes(device, n, k, GROUP);
  const weight = inTurn(bytes, () => zeros("u8", [bytes]));
  for (const m of ROWS) {
    const [x, y] = [zeros("f16", [m, k]), zeros("f16", [m, n])];
    bench(
      `gemmW4A16 ${label}`,
      `gemmW4A16 ${label}, m ${m}`,
      bytes + 2 * m * (n + k),
      () => ops.gemmW4A16(device, y, x, weight(), { n, k, group: GROUP }),
    );
  }
}

/** Quantized rows of zeros. */
function quantizedZeros(form: ops.QuantizedForm, m: number, k: number): ops.QuantizedRows {
  return { values: zeros(form, [m, k]), scales: zeros("f32", [m]), sums: zeros("i32", [m]) };
}

/** A product on 8-bit rows: what packed weights take, and how one runs. */
interface Product8 {
  readonly name: string;
  readonly form: ops.QuantizedForm;
  bytes(n: number, k: number): number;
  run(y: Tensor, x: ops.QuantizedRows, w: Tensor<"u8">, size: { n: number; k: number }): void;
}

const products8: Product8[] = [
  {
    name: "gemmW8A8",
    form: "i8",
    bytes: (n, k) => ops.w8Bytes(device, n, k),
    run: (y, x, w, size) => ops.gemmW8A8(device, y, x, w, size),
  },
  {
    name: "gemmFp8",
    form: "f8_e4m3",
    bytes: (n, k) => ops.w8Bytes(device, n, k),
    run: (y, x, w, size) => ops.gemmFp8(device, y, x, w, size),
  },
  ...[0, GROUP].map((group): Product8 => ({
    name: group === 0 ? "gemmW4A8" : `gemmW4A8 g${group}`,
    form: "i8",
    bytes: (n, k) => ops.w4a8Bytes(device, n, k, group),
    run: (y, x, w, size) => ops.gemmW4A8(device, y, x, w, { ...size, group }),
  })),
];
for (const { name, form, bytes: packed, run } of products8) {
  for (const [label, n, k] of products) {
    const bytes = packed(n, k);
    const weight = inTurn(bytes, () => zeros("u8", [bytes]));
    for (const m of ROWS) {
      const [x, y] = [quantizedZeros(form, m, k), zeros("f16", [m, n])];
      bench(
        `${name} ${label}`,
        `${name} ${label}, m ${m}`,
        bytes + m * (2 * n + k),
        () => run(y, x, weight(), { n, k }),
      );
    }
  }
}
for (const [label, n, k] of [["lm_head", VOCAB, HIDDEN], ["1024 x 1024", 1024, 1024]] as const) {
  const bytes = 2 * n * k;
  const weight = inTurn(bytes, () => zeros("f16", [n, k]));
  for (const m of ROWS) {
    const [x, y] = [zeros("f16", [m, k]), zeros("f32", [m, n])];
    bench(
      `gemmF16 ${label}`,
      `gemmF16 ${label}, m ${m}`,
      bytes + m * (4 * n + 2 * k),
      () => ops.gemmF16(device, y, x, weight(), { epilogue: "logits" }),
    );
  }
}

const cacheLength = arena.fromHost("i32", [1], Int32Array.of(LENGTH));
const kCache = zeros("f16", [SLOTS, HEADS.kvHeads * HEADS.headDim]);
const vCache = zeros("f16", [SLOTS, HEADS.kvHeads * HEADS.headDim]);
const rope = zeros("f32", [SLOTS, HEADS.headDim]);
const tokens = zeros("i32", [64]);
const embedding = zeros("f16", [VOCAB, HIDDEN]);
const weight = zeros("f16", [HIDDEN]);
const history = arena.fromHost(
  "i32",
  [LENGTH + 64],
  Int32Array.from({ length: LENGTH + 64 }, (_, i) => (i * 48271) % VOCAB),
);

/** Ways to choose, from none to everything on. */
const choices = Object.entries<ChoiceOptions>({
  "greedily": {},
  "at temperature 1": { temperature: 1 },
  "of top-k 50": { temperature: 1, topK: 50 },
  "of top-p 0.9": { temperature: 1, topP: 0.9 },
  "of min-p 0.1": { temperature: 1, minP: 0.1 },
  "with penalties": { repetitionPenalty: 1.1, presencePenalty: 0.1, frequencyPenalty: 0.1 },
  "with everything": {
    temperature: 0.8,
    topK: 50,
    topP: 0.9,
    minP: 0.05,
    repetitionPenalty: 1.1,
    presencePenalty: 0.1,
    frequencyPenalty: 0.1,
    logitBias: { 7: 1, 1000: -1 },
  },
}).map(([name, options]) => {
  const settings = new Choice(device, arena);
  settings.set(options, LENGTH / 2, VOCAB);
  return [name, settings] as const;
});

/** Logits as spread out as those of models. */
function someLogits(count: number): Float32Array<ArrayBuffer> {
  const next = normal(1);
  return Float32Array.from({ length: count }, () => 3 * next());
}

for (const m of ROWS) {
  const x = zeros("f32", [m, HIDDEN]);
  const row = zeros("f16", [m, HIDDEN]);
  const qkv = zeros("f16", [m, QKV]);
  const out = zeros("f16", [m, HEADS.heads * HEADS.headDim]);
  const wide = zeros("f16", [m, 2 * INTER]);
  const narrow = zeros("f16", [m, INTER]);
  const logits = arena.fromHost("f32", [m, VOCAB], someLogits(m * VOCAB));
  const [choice, scores] = [zeros("i32", [m]), zeros("f32", [m, VOCAB])];
  const [values, ids] = [zeros("f32", [m, 10]), zeros("i32", [m, 10])];
  const cached = 2 * 2 * HEADS.kvHeads * HEADS.headDim;
  const size = ops.attentionBytes(device, { m, slots: SLOTS, ...HEADS });
  const workspace = size === 0 ? undefined : zeros("u8", [size]);
  const caches = { kCache, vCache, cacheLength, ...HEADS };
  bench("embed", `embed, m ${m}`, m * HIDDEN * 6, () => ops.embed(device, x, embedding, tokens));
  bench(
    "rmsNorm",
    `rmsNorm, m ${m}`,
    m * HIDDEN * 6,
    () => ops.rmsNorm(device, row, x, weight, 1e-5),
  );
  bench(
    "ropeKv",
    `ropeKv, m ${m}`,
    m * (2 * 2 * QKV + cached),
    () => ops.ropeKv(device, qkv, { table: rope, ...caches }),
  );
  bench(
    "attention",
    `attention over ${LENGTH}, m ${m}`,
    (LENGTH + m) * cached,
    () => ops.attention(device, out, qkv, { ...caches, scale: 0.09, workspace }),
  );
  const quantized = quantizedZeros("i8", m, HIDDEN);
  bench(
    "rmsNormQuantized",
    `rmsNormQuantized, m ${m}`,
    m * HIDDEN * 5,
    () => ops.rmsNormQuantized(device, quantized, x, weight, 1e-5),
  );
  const gated = quantizedZeros("i8", m, INTER);
  bench(
    "siluMulQuantized",
    `siluMulQuantized, m ${m}`,
    m * INTER * 5,
    () => ops.siluMulQuantized(device, gated, wide),
  );
  bench("siluMul", `siluMul, m ${m}`, m * INTER * 6, () => ops.siluMul(device, narrow, wide));
  for (const [name, settings] of choices) {
    bench(
      `choose ${name}`,
      `choose ${name}, m ${m}`,
      m * VOCAB * 4,
      () => ops.choose(device, { ...settings, choice, scores, logits, history, cacheLength }),
    );
  }
  bench(
    "topLogProbs",
    `topLogProbs of 10, m ${m}`,
    m * VOCAB * 4,
    () => ops.topLogProbs(device, values, ids, logits),
  );
  const own = arena.fromHost("f32", [m, VOCAB], someLogits(m * VOCAB));
  for (const [name, settings] of choices.slice(0, 2)) {
    bench(
      `topChoices ${name}`,
      `topChoices of 10 ${name}, m ${m}`,
      m * VOCAB * 4,
      () =>
        ops.topChoices(device, {
          ...settings,
          values,
          ids,
          logits: own,
          history,
          cacheLength,
          offset: 1,
        }),
    );
  }
}

globalThis.addEventListener("unload", () => {
  const rate = ({ bytes, seconds }: Measured) => bytes / seconds / 1e9;
  const copied = rate(table[0]);
  // Filtered out, or run without a bench: nothing to say.
  if (copied === 0) return;
  console.log(`\n${device.name}, ${device.why}`);
  console.log(
    `${"op".padEnd(34)}${"us".padStart(10)}${"GB/s".padStart(8)}${"of copy".padStart(9)}`,
  );
  for (const measured of table.filter(({ seconds }) => seconds < Infinity)) {
    const [us, gbs] = [measured.seconds * 1e6, rate(measured)];
    const share = `${(100 * gbs / copied).toFixed(0)} %`.padStart(9);
    console.log(
      measured.name.padEnd(34) + us.toFixed(1).padStart(10) + gbs.toFixed(1).padStart(8) + share,
    );
  }
});

/**
 * Batch invariance of whole models: a row's logits are the same bits however many rows stand beside it.
 */
import { assertEquals } from "@std/assert";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { Arena, rows } from "../../src/device/mod.ts";
import { Model, ModelState } from "../../src/model/mod.ts";
import { backendTest, type Bench } from "../backends.ts";
import { type RandomModel, SMALL, writeRandomModel } from "../models.ts";
import { store, TILED } from "../quantized_models.ts";
import { random } from "../random.ts";
import { STORED_SCHEMES } from "../stored_schemes.ts";

const PREFIX = 37;
const SIZES = [1, 2, 7, 10, 30, 60];

/** Logits of each of `tokens` behind a prefix, verified `size` rows at a time. */
function logitsBySize(
  model: Model,
  prefix: Int32Array,
  tokens: Int32Array,
  size: number,
): Uint8Array {
  const { device } = model;
  const context = prefix.length + tokens.length;
  using arena = new Arena(device, "test");
  using state = new ModelState(model, {
    context,
    slots: context + 64,
    rows: 64,
    logitsRows: 64,
  });
  const all = new Int32Array(context + 64);
  all.set(prefix);
  all.set(tokens, prefix.length);
  const history = arena.fromHost("i32", [all.length], all);
  const { cacheLength } = state;
  state.cache.ensure(context + 64);
  const forward = (count: number): void =>
    state.queueForward({ rows: count, cacheLength }, { tokens: history, start: cacheLength });
  for (let at = 0; at < prefix.length; at += 64) {
    state.setLength(at);
    forward(Math.min(64, prefix.length - at));
  }
  const parts: Uint8Array[] = [];
  for (let at = 0; at < tokens.length; at += size) {
    const count = Math.min(size, tokens.length - at);
    state.setLength(prefix.length + at);
    forward(count);
    state.queueLogits(count);
    parts.push(device.download(rows(state.logits, 0, count)));
  }
  return concat(parts);
}

/** Logits of the same tokens as branches of one tree: row i of chain c attends to chain c alone. */
function logitsInTree(
  model: Model,
  prefix: Int32Array,
  tokens: Int32Array,
  chains: number,
): Uint8Array[] {
  const { device } = model;
  const count = chains * tokens.length;
  using arena = new Arena(device, "test");
  const slots = prefix.length + count;
  using state = new ModelState(model, { context: slots, slots, rows: 64, logitsRows: 64 });
  const history = arena.fromHost("i32", [prefix.length], prefix);
  const { cacheLength } = state;
  state.cache.ensure(slots);
  for (let at = 0; at < prefix.length; at += 64) {
    state.setLength(at);
    const count = Math.min(64, prefix.length - at);
    state.queueForward({ rows: count, cacheLength }, { tokens: history, start: cacheLength });
  }
  state.setLength(prefix.length);
  // Chains interleaved: row r is token floor(r / chains) of chain r % chains.
  const ids = Int32Array.from({ length: count }, (_, r) => tokens[Math.floor(r / chains)]);
  const depths = Int32Array.from({ length: count }, (_, r) => Math.floor(r / chains));
  const masks = BigUint64Array.from({ length: count }, (_, r) => {
    let mask = 0n;
    for (let one = r; one >= 0; one -= chains) mask |= 1n << BigInt(one);
    return mask;
  });
  state.queueForward({
    rows: count,
    cacheLength,
    depths: arena.fromHost("i32", [count], depths),
    mask: arena.fromHost("u64", [count, 1], masks),
  }, { tokens: arena.fromHost("i32", [count], ids) });
  state.queueLogits(count);
  const all = device.download(rows(state.logits, 0, count));
  const bytes = all.length / count;
  return Array.from({ length: chains }, (_, c) =>
    concat(Array.from(
      tokens,
      (_, i) => all.subarray((i * chains + c) * bytes, (i * chains + c + 1) * bytes),
    )));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Verifies the same tokens in every way, with each count of worker threads. */
function checkInvariance(
  bench: Bench,
  dir: string,
  { vocab }: RandomModel,
  before = PREFIX,
  counts = [1, 2],
): void {
  for (const threads of counts) {
    using device = bench.open({ threads });
    using checkpoint = openCheckpoint(dir);
    using model = Model.load(device, checkpoint);
    const next = random(7);
    const draw = (count: number): Int32Array =>
      Int32Array.from({ length: count }, () => Math.floor(next() * vocab));
    const [prefix, tokens] = [draw(before), draw(60)];
    const alone = logitsBySize(model, prefix, tokens, 1);
    for (const size of SIZES) {
      assertEquals(logitsBySize(model, prefix, tokens, size), alone, `${size} rows`);
    }
    const few = tokens.subarray(0, 5);
    const expected = alone.subarray(0, (alone.length / 60) * 5);
    for (const [c, chain] of logitsInTree(model, prefix, few, 12).entries()) {
      assertEquals(chain, expected, `chain ${c} of a tree`);
    }
  }
}

function withDir(body: (dir: string) => void): void {
  const dir = Deno.makeTempDirSync();
  try {
    body(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

backendTest(
  "a row's logits are the same bits alone and among 2, 7, 10, 30, 60 rows",
  (_, bench) => withDir((dir) => checkInvariance(bench, writeRandomModel(dir, SMALL), SMALL)),
);

// Behind texts as long as documents, where the lists of one forward are cut in different ways on CUDA: attention's
// spans grow at 4,096 and 8,192 pairs with two kv heads.
for (const headDim of [64, 128]) {
  for (const before of [4070, 8000, 8170]) {
    backendTest(
      `a row's logits are the same bits behind ${before} tokens, heads of ${headDim}`,
      (_, bench) =>
        withDir((dir) => {
          const shape = { ...SMALL, heads: 8, headDim, positions: 9000 };
          checkInvariance(bench, writeRandomModel(dir, shape), shape, before, [1]);
        }),
      ["cuda"],
    );
  }
}

for (const [i, scheme] of STORED_SCHEMES.entries()) {
  backendTest(
    `a row's logits are the same bits however many rows: ${scheme.name}, ${scheme.dtype} (${i})`,
    (_, bench) =>
      withDir((dir) => checkInvariance(bench, store(writeRandomModel(dir, TILED), scheme), TILED)),
    ["cpu", "cuda"],
  );
}

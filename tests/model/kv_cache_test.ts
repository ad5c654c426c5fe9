/**
 * KV caches in 8 bits: texts that are the same whatever proposes them, in a session that goes on and in a fresh one, rows
 * that do not depend on their company, and what they take.
 */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { UnsupportedModelError } from "../../src/base/errors.ts";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { Arena, byteLength, rows } from "../../src/device/mod.ts";
import { planMemory, scoreTokens, Session } from "../../src/engine/mod.ts";
import { KvCache, kvCacheBytes, Model, ModelState } from "../../src/model/mod.ts";
import { Trio } from "../../scripts/models/trio.ts";
import { backendTest } from "../backends.ts";
import { BLOCK_METHODS, EAGLE3_METHODS, METHODS } from "../methods.ts";
import { SMALL, writeRandomModel } from "../models.ts";
import { Random } from "../random.ts";
import { decode, prompts, withModels } from "../rounds.ts";

/** The plain kernels differ in no way that matters here, and take longer. */
const BACKENDS = ["cpu", "cuda"];

backendTest("every method gives the tokens of plain decoding, caches in 8 bits", ({ device }) => {
  for (const seeds of [{ target: 1, draft: 2 }, { target: 1, draft: 1, noise: 0.02 }]) {
    withModels(device, seeds, (models) => {
      for (const prompt of prompts(6).slice(3)) {
        const { tokens } = decode(models.target, prompt, 30, undefined, {}, "int8");
        for (const method of [...METHODS, ...EAGLE3_METHODS, ...BLOCK_METHODS]) {
          const found = decode(models.target, prompt, 30, method.plan(models), {}, "int8");
          assertEquals(found.tokens, tokens, method.name);
        }
      }
    });
  }
}, BACKENDS);

backendTest(
  "a chat goes on as it would in fresh sessions, caches in 8 bits",
  async ({ device }) => {
    using trio = new Trio(undefined, device);
    const random = new Random(3);
    const words = trio.tokenizer.encode(" Tom has 3 apples and buys 5 more. How many has he now?");
    const text: number[] = [];
    const options = { maxTokens: 12, ignoreEos: true, logprobs: 2 };
    const settings = { context: 512, promptRows: 64, kvCache: "int8" } as const;
    using stack = new DisposableStack();
    const sessions = trio.methods.map((method) =>
      stack.use(
        new Session(trio.target, trio.tokenizer, { ...settings, drafter: trio.plan(method) }),
      )
    );
    for (const length of [20, 3, 90, 1]) {
      text.push(...Array.from({ length }, () => words[random.integer(words.length)]));
      using fresh = new Session(trio.target, trio.tokenizer, settings);
      const { tokens, logprobs } = await fresh.generate(text, options).finish();
      for (const [i, session] of sessions.entries()) {
        const said = await session.generate(text, options).finish();
        assertEquals({ ...said.tokens }, { ...tokens }, trio.methods[i]);
        assertEquals(said.logprobs, logprobs, trio.methods[i]);
        assert(text.length === 20 || said.cachedTokens > 0);
      }
      text.push(...tokens);
    }
  },
  BACKENDS,
);

backendTest("a row has the same bits in any company, cache in 8 bits", ({ device }) => {
  const dir = Deno.makeTempDirSync();
  try {
    writeRandomModel(dir, { ...SMALL, seed: 4 });
    using checkpoint = openCheckpoint(dir);
    using model = Model.load(device, checkpoint);
    const count = 170;
    const ids = Int32Array.from({ length: count }, (_, i) => (i * 7919) % SMALL.vocab);
    const read = (size: number) => {
      using arena = new Arena(device, "test");
      using state = new ModelState(model, {
        ...{ context: count, slots: count, rows: 64, logitsRows: 64, kvCache: "int8" },
      });
      const history = arena.fromHost("i32", [count], ids);
      const { cacheLength } = state;
      state.cache.ensure(count);
      const parts: number[] = [];
      for (let at = 0; at < count; at += size) {
        const some = Math.min(size, count - at);
        state.setLength(at);
        state.queueForward({ rows: some, cacheLength }, { tokens: history, start: cacheLength });
        state.queueLogits(some);
        parts.push(...device.download(rows(state.logits, 0, some)));
      }
      return parts;
    };
    const alone = read(1);
    for (const size of [2, 7, 30, 64]) assertEquals(read(size), alone, `${size} rows at a time`);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

backendTest("a cache in 8 bits grows in place and takes what is planned", ({ device }) => {
  using trio = new Trio(undefined, device);
  const { config } = trio.target;
  using arena = new Arena(device, "test");
  const { used } = device.memory();
  const cache = new KvCache(arena, config, "f16", 5000, "int8");
  const { address } = cache.keys[1];
  cache.ensure(100);
  cache.ensure(5000);
  assertEquals(cache.keys[1].address, address);
  const bytes = kvCacheBytes(config, 5000, "int8");
  assertEquals(
    [...cache.keys, ...cache.values].reduce((sum, one) => sum + byteLength(one), 0),
    bytes,
  );
  assert(device.memory().used - used >= bytes);
  // A scale of two bytes for each head of 32 elements or more, and what fills a slot up.
  const wide = kvCacheBytes(config, 5000);
  assert(bytes > wide / 2 && bytes < 0.65 * wide, `${bytes} of ${wide}`);
});

backendTest("log-probabilities with a cache in 8 bits are near those with 16", ({ device }) => {
  using trio = new Trio(undefined, device);
  const text = trio.tokenizer.encode(
    "Question: Tom has 3 apples and buys 5 more. How many?\nAnswer:",
  );
  const plain = scoreTokens(trio.target, text), eight = scoreTokens(trio.target, text, {}, "int8");
  assertNotEquals(eight.logprobs, plain.logprobs);
  for (const [i, logprob] of plain.logprobs.entries()) {
    if (logprob !== null) assert(Math.abs(logprob - eight.logprobs[i]!) < 0.1, `token ${i}`);
  }
}, BACKENDS);

Deno.test("heads that 8 bits cannot hold are refused before anything is loaded", () => {
  const dir = Deno.makeTempDirSync();
  try {
    writeRandomModel(dir, { ...SMALL, headDim: 24 });
    using checkpoint = openCheckpoint(dir);
    const { config } = checkpoint;
    const needs = {
      ...{ normedQuantized: false, activatedRows: true, activatedQuantized: false },
      ...{ scratch: 0, logitsScratch: 0 },
    };
    const models = [{ role: "target", config, weightBytes: 0, needs }];
    assertThrows(
      () => planMemory(models, 64, undefined, { kvCache: "int8" }),
      UnsupportedModelError,
      "a KV cache in int8 is not supported; heads have 24 elements, expected a multiple of 16",
    );
    const plain = planMemory(models, 64).total;
    assert(plain > 0);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

/**
 * A session with several slots: whatever others do at the same time, each generation says what it says alone.
 */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ArgumentError, OutOfDeviceMemoryError, SpecMQuantError } from "../../src/base/errors.ts";
import type { Device } from "../../src/device/mod.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { GenerateOptions } from "../../src/engine/mod.ts";
import { checkMemory, mostSlots, planMemory } from "../../src/engine/plan.ts";
import { Session } from "../../src/engine/session.ts";
import { kvCacheBytes } from "../../src/model/mod.ts";
import { DEMO_DIR, Trio } from "../../scripts/models/trio.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";

/** Whole models take the plain kernels minutes. */
const BACKENDS = ["cpu", "cuda"];
const CONTEXT = 256;

const PROMPTS = [
  "Question: Tom has 3 boxes of 4 pens. He gives 5 pens away. How many pens has he left?\nAnswer:",
  "Question: What is 2 + 3?\nAnswer:",
  "Anna has 5 apples.",
  "1",
];

/** Texts of all kinds: greedy and sampled, logged, held to a grammar, cut and ended by a string. */
function wanted(count: number): { prompt: string; options: GenerateOptions }[] {
  const random = new Random(4);
  return Array.from({ length: count }, (_, i) => ({
    prompt: random.pick(PROMPTS),
    options: {
      maxTokens: 3 + random.integer(20),
      ...random.pick<GenerateOptions>([
        {},
        { temperature: 0.9, topP: 0.9, seed: i },
        { temperature: 1.2, seed: i, logprobs: 2 },
        { grammar: { regex: "( [0-9]+,)*" } },
        { repetitionPenalty: 1.2, logprobs: 1, logprobsOf: "processed" },
        { stop: ["e", "1"], ignoreEos: true },
      ]),
    },
  }));
}

for (const method of ["ar", "hier", "auto"] as const) {
  backendTest(`slots: texts at once are those of one at a time: ${method}`, async ({ device }) => {
    using trio = new Trio(DEMO_DIR, device);
    const options = { context: CONTEXT, promptRows: 64 };
    using alone = new Session(trio.target, trio.tokenizer, options);
    const drafter = trio.plan(method);
    using session = new Session(trio.target, trio.tokenizer, { ...options, drafter, slots: 4 });
    const texts = wanted(12);
    const said = async (session: Session, { prompt, options }: typeof texts[0]) => {
      const { text, tokens, logprobs, top, finishReason } = await session.generate(prompt, options)
        .finish();
      return { text, tokens, logprobs, top, finishReason };
    };
    const right = [];
    for (const one of texts) right.push(await said(alone, one));
    const made: unknown[] = [];
    const order = texts.map((_, i) => i);
    let cancelled = 0;
    // Lanes take one text after another; every fourth is begun, left in its middle, and begun anew.
    await Promise.all(Array.from({ length: session.slots }, async () => {
      for (let i = order.shift(); i !== undefined; i = order.shift()) {
        if (i % 4 === 3) {
          const controller = new AbortController();
          const { signal } = controller;
          const left = session.generate(PROMPTS[0], { signal, ignoreEos: true });
          let pieces = 0;
          await assertRejects(
            async () => {
              for await (const _ of left) if (++pieces === 3) controller.abort(new Error("left"));
            },
            Error,
            "left",
          );
          cancelled++;
        }
        made[i] = await said(session, texts[i]);
      }
    }));
    assertEquals(made, right);
    assertEquals(cancelled, 3);
  }, BACKENDS);
}

backendTest(
  "slots: one more generation than there are is refused, and rounds are fair",
  async ({ device }) => {
    using trio = new Trio(DEMO_DIR, device);
    using session = new Session(trio.target, trio.tokenizer, { context: CONTEXT, slots: 3 });
    const options = { maxTokens: 40, ignoreEos: true };
    const counts = [0, 0, 0];
    let apart = 0;
    let refused = 0;
    await Promise.all(counts.map(async (_, i) => {
      for await (const _ of session.generate(PROMPTS[1], { ...options, seed: i, temperature: 1 })) {
        counts[i]++;
        apart = Math.max(apart, Math.max(...counts) - Math.min(...counts));
        if (counts[i] !== 20 || i > 0) continue;
        await assertRejects(() => session.generate("1", options).finish(), ArgumentError, "3 are");
        refused++;
      }
    }));
    assertEquals([counts, refused], [[40, 40, 40], 1]);
    // Who began first may be ahead by the reading of the others' prompts.
    assert(apart <= 4, `${apart} tokens apart`);
  },
  BACKENDS,
);

backendTest("slots: each keeps its conversation", async ({ device }) => {
  using trio = new Trio(DEMO_DIR, device);
  using session = new Session(trio.target, trio.tokenizer, {
    context: CONTEXT,
    slots: 3,
    drafter: trio.plan("hier"),
  });
  const chats = PROMPTS.slice(0, 3).map((prompt) => [...trio.tokenizer.encode(prompt)]);
  let lengths: readonly number[] = [];
  for (let turn = 0; turn < 3; turn++) {
    const results = await Promise.all(
      chats.map((text) => session.generate(text, { maxTokens: 6, ignoreEos: true }).finish()),
    );
    for (const [i, { tokens, cachedTokens }] of results.entries()) {
      // But for the last two of what there was: one was never read, and one is read again.
      assertEquals(cachedTokens, turn === 0 ? 0 : lengths[i] - 2);
      chats[i].push(...tokens);
    }
    lengths = chats.map(({ length }) => length);
    assertEquals(session.cachedTokens, lengths.reduce((sum, length) => sum + length - 1, 0));
    for (const text of chats) {
      text.push(...trio.tokenizer.encode(" and", { addSpecialTokens: false }));
    }
    // Whoever comes next may have another one's turn before it.
    chats.reverse();
    lengths = lengths.toReversed();
  }
}, BACKENDS);

for (const [method, kvCache] of [["eagle2", "f16"], ["hier", "int8"], ["auto", "f16"]] as const) {
  backendTest(
    `slots: what a text shares with another is copied, not read: ${method}, ${kvCache}`,
    async ({ device }) => {
      using trio = new Trio(DEMO_DIR, device);
      const [first, second, third] = ["Tom has 3 pens.", "Anna has 5 apples.", "What is 2 + 3?"]
        .map((end) => trio.tokenizer.encode(`${PROMPTS[0]} ${PROMPTS[2]} ${end}`));
      let shared = 0;
      while (first[shared] === second[shared] && first[shared] === third[shared]) shared++;
      const options = { context: CONTEXT, promptRows: 64, kvCache, drafter: trio.plan(method) };
      using alone = new Session(trio.target, trio.tokenizer, options);
      using session = new Session(trio.target, trio.tokenizer, { ...options, slots: 3 });
      const asked = { maxTokens: 20, logprobs: 1, ignoreEos: true };
      const say = async (session: Session, prompt: readonly number[]) => {
        const { tokens, logprobs, cachedTokens, stats } = await session.generate(prompt, asked)
          .finish();
        // What auto chooses depends on times.
        const lengths = method === "auto" ? [] : stats.levels.map((level) => level.lengths);
        return { cachedTokens, said: { tokens, logprobs, lengths } };
      };
      // One that is under way has its slot, and another one's text is longer by now.
      const busy = session.generate(first, asked);
      await busy[Symbol.asyncIterator]().next();
      for (const prompt of [second, third]) {
        alone.forget();
        const { said, cachedTokens } = await say(session, prompt);
        assertEquals(said, (await say(alone, prompt)).said);
        assertEquals(cachedTokens, shared - 1);
      }
      alone.forget();
      assertEquals((await busy.finish()).tokens, (await say(alone, first)).said.tokens);
    },
    BACKENDS,
  );
}

backendTest(
  "slots: of texts that begin alike at once, each piece is read once",
  async ({ device }) => {
    using trio = new Trio(DEMO_DIR, device);
    const options = { context: CONTEXT, promptRows: 16, drafter: trio.plan("hier") };
    using alone = new Session(trio.target, trio.tokenizer, options);
    using session = new Session(trio.target, trio.tokenizer, { ...options, slots: 4 });
    const prompts = [1, 2, 3, 4].map((i) =>
      trio.tokenizer.encode(`${PROMPTS[0]} ${PROMPTS[2]} ${PROMPTS[1]} ${i}`)
    );
    const [{ length }] = prompts;
    const asked = { maxTokens: 8, ignoreEos: true };
    const results = await Promise.all(
      prompts.map((prompt) => session.generate(prompt, asked).finish()),
    );
    for (const [i, { tokens }] of results.entries()) {
      alone.forget();
      assertEquals(tokens, (await alone.generate(prompts[i], asked).finish()).tokens);
    }
    const read = results.reduce((sum, { cachedTokens }) => sum + length - cachedTokens, 0);
    // A piece more for each: there is one left whatever the others have.
    assert(length > 3 * 16 && read <= length + 4 * 16, `${read} tokens of prompts of ${length}`);
  },
  BACKENDS,
);

Deno.test("slots: another method keeps them and their kind of caches, and ends texts under way", async () => {
  using engine = await Engine.load({
    target: `${DEMO_DIR}/target`,
    backend: "cpu",
    context: 64,
    slots: 2,
    kvCache: "int8",
  });
  const say = () =>
    Promise.all(
      [0, 1].map(async (i) =>
        (await engine.generate(PROMPTS[i + 1], { maxTokens: 8 }).finish()).tokens
      ),
    );
  const before = await say();
  const controller = new AbortController();
  const left = [0, 1].map(async (i) => {
    let pieces = 0;
    for await (const _ of engine.generate(PROMPTS[i], { ignoreEos: true })) {
      if (++pieces === 5) controller.abort();
    }
  });
  const ended = left.map((one) => assertRejects(() => one, SpecMQuantError, "disposed"));
  await new Promise((resolve) => controller.signal.addEventListener("abort", resolve));
  engine.use("suffix");
  await Promise.all(ended);
  assertEquals([engine.method, engine.slots, engine.kvCache], ["suffix", 2, "int8"]);
  assertEquals(await say(), before);
});

Deno.test("slots: memory is planned for all of them, and refused beyond", async () => {
  const load = (slots: number) =>
    Engine.load({ target: `${DEMO_DIR}/target`, backend: "cpu", context: 256, slots });
  using engine = await load(5);
  assertEquals(engine.slots, 5);
  const { config, summary: { weightBytes, needs } } = engine.target;
  const models = [{ role: "target", config, weightBytes, needs }];
  const totalOf = (slots: number) => planMemory(models, 256, engine.device, { slots }).total;
  // Each takes its caches, and nothing else.
  const { layers, kvHeads, headDim } = config;
  const perToken = 2 * layers * kvHeads * headDim * 2;
  const each = totalOf(3) - totalOf(2);
  assertEquals(each % perToken, 0);
  assert(each >= 256 * perToken && each < (256 + 700) * perToken, `${each}`);
  assertEquals(totalOf(5) - totalOf(2), 3 * each);
  const eight = (slots: number) =>
    planMemory(models, 256, engine.device, { kvCache: "int8", slots }).total;
  const eachEight = eight(3) - eight(2);
  assertEquals(eachEight / each, kvCacheBytes(config, 64, "int8") / kvCacheBytes(config, 64));
  const { used } = engine.device.memory();
  assert(used <= totalOf(5), `${used} of ${totalOf(5)}`);
  const free = totalOf(7) + each / 2;
  assertEquals(mostSlots(models, 256, free, engine.device), 7);
  const fewer = eight(4) + eachEight / 2;
  assertEquals(mostSlots(models, 256, fewer, engine.device, "int8"), 4);
  const { native, backend } = engine.device;
  const device = { memory: () => ({ free }), native, backend } as unknown as Device;
  const error = assertThrows(
    () => checkMemory(models, 256, device, { slots: 8 }),
    OutOfDeviceMemoryError,
  );
  assertStringIncludes(error.message, "for 8 texts at once at a context of 256");
  assertStringIncludes(error.message, "expected at most 7 at once");
  for (const slots of [0, 65, 1.5]) await assertRejects(() => load(slots), ArgumentError, "slots");
});

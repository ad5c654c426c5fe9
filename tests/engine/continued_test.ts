/**
 * A session that goes on from the text before: the same text as a fresh one where prompts are read by 64 rows or fewer,
 * the same text in every method always, and no token read twice but one.
 */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import type { Method } from "../../src/engine/options.ts";
import type { GenerationResult } from "../../src/engine/generation.ts";
import { Session, type SessionOptions } from "../../src/engine/session.ts";
import { Trio } from "../../scripts/models/trio.ts";
import { backendTest } from "../backends.ts";
import { someOf } from "../cases.ts";
import { Random } from "../random.ts";

/** Whole models take the plain kernels minutes. */
const BACKENDS = ["cpu", "cuda"];

const CONTEXT = 1024;
const TURNS = 20;
const ANSWER = 10;

/** What users say: turns of 1 to 40 tokens, some of them long enough to be read in pieces of their own. */
function questions({ tokenizer }: Trio): number[][] {
  const random = new Random(12);
  const words = tokenizer.encode(
    " Tom has 3 apples and buys 5 more. How many apples does he have? Ann sells 12 eggs a day for 2 dollars.",
  );
  return Array.from({ length: TURNS }, (_, turn) => {
    const length = turn === 3 ? 150 : 1 + random.integer(30);
    return Array.from({ length }, () => words[random.integer(words.length)]);
  });
}

/** How a turn is sampled: greedy and sampled ones in turn, each with a seed of its own. */
function settings(turn: number) {
  return turn % 2 === 0
    ? {}
    : { temperature: 0.8, topP: 0.95, repetitionPenalty: 1.1, seed: 100 + turn };
}

/** A chat; gives each turn's answer, and what of its prompt was read. `session` is asked for each turn's. */
async function chat(
  trio: Trio,
  session: (turn: number) => Session,
): Promise<{ said: Pick<GenerationResult, "tokens" | "logprobs" | "top">; read: number }[]> {
  const text: number[] = [];
  const turns = [];
  for (const [turn, question] of questions(trio).entries()) {
    text.push(...question);
    const options = { maxTokens: ANSWER, ignoreEos: true, logprobs: 3, ...settings(turn) };
    const { tokens, logprobs, top, cachedTokens } = await session(turn).generate(text, options)
      .finish();
    turns.push({ said: { tokens, logprobs, top }, read: text.length - cachedTokens });
    text.push(...tokens);
  }
  return turns;
}

function make(trio: Trio, method: Method, options: Partial<SessionOptions> = {}): Session {
  const drafter = trio.plan(method);
  return new Session(trio.target, trio.tokenizer, { context: CONTEXT, drafter, ...options });
}

backendTest("a chat on one session equals fresh sessions bit for bit", async ({ device }) => {
  using trio = new Trio(undefined, device);
  let expected: unknown;
  for (const method of trio.methods) {
    using one = make(trio, method, { promptRows: 64 });
    const continued = await chat(trio, () => one);
    if (expected === undefined) {
      using stack = new DisposableStack();
      const fresh = await chat(trio, () => stack.use(make(trio, "ar", { promptRows: 64 })));
      expected = fresh.map(({ said }) => said);
      assertEquals(fresh[5].read, 5 * ANSWER + questions(trio).slice(0, 6).flat().length);
    }
    assertEquals(continued.map(({ said }) => said), expected, method);
    for (const [turn, { read }] of continued.entries()) {
      // Its own tokens, the last answer's last token, which no forward has seen, and the one before.
      const own = questions(trio)[turn].length;
      assertEquals(read, turn === 0 ? own : own + 2, `turn ${turn} of ${method}`);
    }
  }
}, BACKENDS);

backendTest(
  "a continued chat is the same in every method however prompts are read",
  async ({ device }) => {
    using trio = new Trio(undefined, device);
    const [plain, ...others] = trio.methods;
    let expected: unknown;
    for (const method of [plain, ...someOf(others, 2, { backend: device.backend })]) {
      using one = make(trio, method);
      const said = (await chat(trio, () => one)).map((turn) => turn.said);
      expected ??= said;
      assertEquals(said, expected, method);
    }
  },
  BACKENDS,
);

backendTest("texts that part from the one before keep what they share", async ({ device }) => {
  using trio = new Trio(undefined, device);
  const text = questions(trio).flat().slice(0, 200);
  const options = { maxTokens: 24, ignoreEos: true };
  // What fresh sessions say, which is the same whatever method is tried.
  const fresh = new Map<string, readonly number[]>();
  for (const method of someOf(trio.methods, 2, { first: 1, backend: device.backend })) {
    using one = make(trio, method, { promptRows: 64 });
    const say = (prompt: readonly number[]) => one.generate(prompt, options).finish();
    const first = await say(text);
    assertEquals(first.cachedTokens, 0);
    const cases: [string, number[], number][] = [
      ["the same text", text, 198],
      ["a shorter one", text.slice(0, 50), 48],
      ["another one", text.toReversed(), 0],
      ["back to the first", text, 0],
      ["one that parts in the middle", [...text.slice(0, 70), ...text.slice(0, 30)], 69],
      ["one that goes on within the answer", [...text.slice(0, 70), ...text.slice(0, 30)], 98],
    ];
    for (const [name, prompt, kept] of cases) {
      const found = await say(prompt);
      if (!fresh.has(name)) {
        using other = make(trio, "ar", { promptRows: 64 });
        fresh.set(name, (await other.generate(prompt, options).finish()).tokens);
      }
      assertEquals(found.tokens, fresh.get(name), name);
      assertEquals(found.cachedTokens, kept, `${name}, ${method}`);
    }
    one.forget();
    assertEquals((await say(cases[5][1])).cachedTokens, 0, "forgotten");
    assertNotEquals(first.tokens.length, 0);
  }
}, BACKENDS);

backendTest("a text that was left in the middle is gone on with", async ({ device }) => {
  using trio = new Trio(undefined, device);
  const text = questions(trio).flat().slice(0, 300);
  for (const method of trio.methods) {
    using one = make(trio, method, { promptRows: 64 });
    // While its prompt is read, and after a few tokens.
    const signal = AbortSignal.abort(new Error("left"));
    await one.generate(text, { signal }).finish().then(
      () => assert(false, "it was aborted"),
      (error) => assertEquals(error.message, "left"),
    );
    const seen: number[] = [];
    for await (const { token } of one.generate(text, { ignoreEos: true })) {
      if (seen.push(token) === 7) break;
    }
    const prompt = [...text, ...seen, ...text.slice(0, 9)];
    const found = await one.generate(prompt, { maxTokens: 16, ignoreEos: true }).finish();
    using fresh = make(trio, "ar", { promptRows: 64 });
    const expected = await fresh.generate(prompt, { maxTokens: 16, ignoreEos: true }).finish();
    assertEquals(found.tokens, expected.tokens, method);
    assertEquals(found.cachedTokens, text.length + 7 - 2, method);
  }
}, BACKENDS);

backendTest("a text that ended before its prompt was read leaves nothing", async ({ device }) => {
  using trio = new Trio(undefined, device);
  const text = questions(trio).flat().slice(0, 60);
  const other = text.toReversed();
  const options = { maxTokens: 16, ignoreEos: true };
  using one = make(trio, "hier", { promptRows: 64 });
  await one.generate(text, options).finish();
  // It was never read: what the caches hold is the text before.
  for (const wrong of [{ signal: AbortSignal.abort() }, { logitBias: { 1e6: 1 } }]) {
    await assertRejects(() => one.generate(other, { ...options, ...wrong }).finish());
    const found = await one.generate(other, options).finish();
    using fresh = make(trio, "ar", { promptRows: 64 });
    assertEquals(found.tokens, (await fresh.generate(other, options).finish()).tokens);
    await one.generate(text, options).finish();
  }
}, BACKENDS);

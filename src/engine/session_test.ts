import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ArgumentError, SpecMQuantError } from "../base/errors.ts";
import { Trio } from "../../scripts/trio.ts";
import { Session } from "./session.ts";

const PROMPT = "Question: Tom has 3 apples and buys 5 more. How many apples does he have?\nAnswer:";

async function withSession(
  method: "ar" | "hier",
  context: number,
  body: (session: Session, trio: Trio) => Promise<void>,
): Promise<void> {
  using trio = new Trio();
  const drafter = trio.plan(method);
  using session = new Session(trio.target, trio.tokenizer, { context, drafter, method });
  await body(session, trio);
}

Deno.test("a generation streams what its result holds", () =>
  withSession("hier", 512, async (session, trio) => {
    const generation = session.generate(PROMPT, { maxTokens: 40 });
    assertThrows(() => generation.result, SpecMQuantError, "not ended");
    let text = "";
    const tokens: number[] = [];
    const proposers = new Set<string>();
    for await (const piece of generation) {
      text += piece.text;
      tokens.push(piece.token);
      proposers.add(piece.by);
    }
    const { result } = generation;
    assertEquals(text, result.text);
    assertEquals(tokens, result.tokens);
    assertEquals(proposers, new Set(["head", "draft", "target"]));
    assertEquals(result.text, trio.tokenizer.decode(result.tokens));
    assertEquals(result.promptTokens, trio.tokenizer.encode(PROMPT).length);
    const { levels, acceptLengths, targetForwards, tau } = result.stats;
    assertEquals(levels.map((level) => level.name), ["target", "draft"]);
    assertEquals(acceptLengths.reduce((a, b) => a + b), targetForwards);
    const committed = acceptLengths.reduce((sum, count, length) => sum + count * length, 0);
    assertEquals(tau, committed / targetForwards);
    assert(committed >= tokens.length);
  }));

Deno.test("a generation ends at its length, at a stop token or at a stop string", () =>
  withSession("hier", 512, async (session, trio) => {
    const whole = await session.generate(PROMPT).finish();
    assertEquals(whole.finishReason, "stop");
    assertEquals(whole.tokens.at(-1), trio.target.config.eosTokenIds[0]);
    assert(!whole.text.includes("<|"), "a stop token is no text");

    const short = await session.generate(PROMPT, { maxTokens: 7 }).finish();
    assertEquals([short.finishReason, short.tokens.length], ["length", 7]);
    assertEquals(short.tokens, whole.tokens.slice(0, 7));
    assertEquals(short.text, trio.tokenizer.decode(short.tokens));

    const stop = whole.text.slice(12, 16);
    const cut = await session.generate(PROMPT, { stop: [stop, "never there"] }).finish();
    assertEquals(cut.finishReason, "stop");
    assertEquals(cut.text, whole.text.slice(0, whole.text.indexOf(stop)));

    const on = await session.generate(PROMPT, { ignoreEos: true, maxTokens: 120 }).finish();
    assertEquals([on.finishReason, on.tokens.length], ["length", 120]);
    assertEquals(on.tokens.slice(0, whole.tokens.length), whole.tokens);
  }));

Deno.test("a generation fills its context and no more, whatever the method", async () => {
  const outputs: (readonly number[])[] = [];
  for (const method of ["ar", "hier"] as const) {
    await withSession(method, 64, async (session, trio) => {
      const { tokens, finishReason } = await session.generate(PROMPT, { ignoreEos: true }).finish();
      assertEquals(tokens.length, 64 - trio.tokenizer.encode(PROMPT).length);
      assertEquals(finishReason, "context");
      outputs.push(tokens);
    });
  }
  assertEquals(outputs[0], outputs[1]);
});

Deno.test("a session refuses prompts that it cannot continue", () =>
  withSession("ar", 64, (session, trio) => {
    const refused = (prompt: string | number[], message: string) =>
      assertThrows(() => session.generate(prompt), ArgumentError, message);
    refused([], "no tokens");
    refused(new Array(64).fill(5), "the prompt has 64 tokens, expected at most 63");
    refused([5, 3072], "token 3072");
    refused([-1], "token -1");
    assertThrows(() => session.generate("a", { maxTokens: 0 }), ArgumentError, "maxTokens is 0");
    assertThrows(
      () => new Session(trio.target, trio.tokenizer, { context: 1 }),
      ArgumentError,
      "context is 1",
    );
    return Promise.resolve();
  }));

Deno.test("a signal ends a generation between rounds, and the session goes on", () =>
  withSession("hier", 512, async (session) => {
    const controller = new AbortController();
    const generation = session.generate(PROMPT, { signal: controller.signal, ignoreEos: true });
    let count = 0;
    await assertRejects(async () => {
      for await (const _ of generation) if (++count === 3) controller.abort();
    }, DOMException);
    assertEquals(generation.result.finishReason, "aborted");
    assert(generation.result.tokens.length < 20, "it went on after its signal");
    assertEquals((await session.generate(PROMPT, { maxTokens: 5 }).finish()).tokens.length, 5);
    const late = session.generate(PROMPT, { signal: AbortSignal.abort() });
    await assertRejects(() => late.finish(), DOMException);
  }));

Deno.test("a session does one generation at a time, and a dropped one makes room", () =>
  withSession("ar", 256, async (session) => {
    const first = session.generate(PROMPT);
    for await (const _ of first) {
      await assertRejects(() => session.generate(PROMPT).finish(), ArgumentError, "under way");
      break;
    }
    assertEquals(first.result.finishReason, "aborted");
    assertEquals((await session.generate(PROMPT, { maxTokens: 3 }).finish()).tokens.length, 3);
  }));

Deno.test("a prompt of one token is a prompt", async () => {
  const outputs: (readonly number[])[] = [];
  for (const method of ["ar", "hier"] as const) {
    await withSession(method, 64, async (session) => {
      outputs.push(
        (await session.generate([0], { maxTokens: 20, ignoreEos: true }).finish()).tokens,
      );
    });
  }
  assertEquals(outputs[0], outputs[1]);
});

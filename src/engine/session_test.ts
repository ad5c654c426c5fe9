import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ArgumentError, SpecMQuantError } from "../base/errors.ts";
import { Trio } from "../../scripts/models/trio.ts";
import { Device } from "../device/mod.ts";
import { Session } from "./session.ts";

const PROMPT = "Question: Tom has 3 apples and buys 5 more. How many apples does he have?\nAnswer:";

async function withSession(
  method: "ar" | "hier",
  context: number,
  body: (session: Session, trio: Trio) => Promise<void>,
  device?: Device,
): Promise<void> {
  using trio = new Trio(undefined, device);
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
    let [rounds, proposed] = [0, 0];
    for await (const piece of generation) {
      text += piece.text;
      tokens.push(piece.token);
      proposers.add(piece.by);
      if (piece.endsRound) rounds++;
      if (piece.by !== "target") proposed++;
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
    assertEquals(rounds, targetForwards);
    // Proposals are of at least 6 tokens, and of one fixed size.
    const [{ drafted }] = levels;
    assert(drafted >= proposed && drafted >= 6 * (targetForwards - 1), `${drafted}`);
    assert(drafted <= 15 * targetForwards, `${drafted}`);
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

Deno.test("whatever throws before a generation's loop leaves the session free", () =>
  withSession("ar", 256, async (session) => {
    const fine = { maxTokens: 3 };
    const generate = (prompt: unknown, options: unknown) =>
      session.generate(prompt as string, options as typeof fine);
    const beginnings: Record<string, () => unknown> = {
      "an empty stop string": () => generate(PROMPT, { stop: "" }).finish(),
      "an empty stop string in a list": () => generate(PROMPT, { stop: ["a", ""] }).finish(),
      "a stop that is no text": () => generate(PROMPT, { stop: [5] }).finish(),
      "a wrong option": () => generate(PROMPT, { maxTokens: "5" }).finish(),
      "a misspelt option": () => generate(PROMPT, { maxToken: 5 }).finish(),
      "no prompt": () => generate(undefined, fine).finish(),
      "a prompt that is too long": () => generate(new Array(256).fill(5), fine).finish(),
      "a signal that was aborted": () => generate(PROMPT, { signal: AbortSignal.abort() }).finish(),
      "a signal that is aborted while the prompt is read": () => {
        const controller = new AbortController();
        const { signal } = controller;
        return generate(PROMPT, { signal, progress: () => controller.abort() }).finish();
      },
      "a progress that throws": () =>
        generate(PROMPT, {
          progress: () => {
            throw new Error("progress");
          },
        }).finish(),
      "a consumer that throws": async () => {
        for await (const _ of generate(PROMPT, fine)) throw new Error("consumer");
      },
    };
    for (const [name, begin] of Object.entries(beginnings)) {
      await assertRejects(async () => await begin(), Error, undefined, name);
      assertEquals((await session.generate(PROMPT, fine).finish()).tokens.length, 3, name);
    }
    const endings: Record<string, () => unknown> = {
      "never iterated": () => generate(PROMPT, fine),
      "returned before it began": () => generate(PROMPT, fine)[Symbol.asyncIterator]().return(),
      "returned after a piece": async () => {
        const pieces = generate(PROMPT, fine)[Symbol.asyncIterator]();
        await pieces.next();
        await pieces.return();
      },
      "disposed after a piece": async () => {
        await using generation = generate(PROMPT, fine);
        await generation[Symbol.asyncIterator]().next();
      },
    };
    for (const [name, end] of Object.entries(endings)) {
      await end();
      assertEquals((await session.generate(PROMPT, fine).finish()).tokens.length, 3, name);
    }
  }));

Deno.test("a generation that was dropped in the middle makes room when it is collected", async () => {
  const [trio, session] = ["../../scripts/models/trio.ts", "./session.ts"].map((name) =>
    JSON.stringify(new URL(name, import.meta.url).href)
  );
  const program = `
    import { Trio } from ${trio};
    import { Session } from ${session};
    const trio = new Trio();
    const session = new Session(trio.target, trio.tokenizer, { context: 64 });
    const begin = async () => void await session.generate([1, 2])[Symbol.asyncIterator]().next();
    await begin();
    for (let i = 0; i < 5; i++) { gc(); await new Promise((done) => setTimeout(done, 5)); }
    console.log((await session.generate([1, 2], { maxTokens: 4 }).finish()).tokens.length);
  `;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--v8-flags=--expose-gc", "--ext=ts", "--no-check", program],
    cwd: new URL("../../", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  assertEquals([decoder.decode(stdout), decoder.decode(stderr)], ["4\n", ""]);
});

Deno.test("a stop string may come alone, and the tokens end where the text ends", () =>
  withSession("ar", 256, async (session, trio) => {
    const whole = await session.generate(PROMPT, { maxTokens: 30 }).finish();
    const stop = whole.text.slice(9, 14);
    const cut = await session.generate(PROMPT, { stop }).finish();
    const same = await session.generate(PROMPT, { stop: [stop] }).finish();
    assertEquals([cut.text, cut.tokens], [same.text, same.tokens]);
    assertEquals(cut.text, whole.text.slice(0, whole.text.indexOf(stop)));
    assertEquals(cut.tokens, whole.tokens.slice(0, cut.tokens.length));
    const text = (tokens: readonly number[]) => trio.tokenizer.decode(tokens);
    assert(text(cut.tokens).startsWith(cut.text));
    assert(!text(cut.tokens.slice(0, -1)).startsWith(cut.text));
    assert(cut.stats.generatedTokens > cut.tokens.length);
  }));

Deno.test("the length asked for and a full context are two reasons", () =>
  withSession("ar", 64, async (session, trio) => {
    const room = 64 - trio.tokenizer.encode(PROMPT).length;
    const reason = async (maxTokens?: number) => {
      const result = await session.generate(PROMPT, { maxTokens, ignoreEos: true }).finish();
      return [result.finishReason, result.tokens.length];
    };
    assertEquals(await reason(room - 1), ["length", room - 1]);
    assertEquals(await reason(room), ["length", room]);
    assertEquals(await reason(room + 1), ["context", room]);
    assertEquals(await reason(), ["context", room]);
  }));

Deno.test("token ids may come in any typed array of integers", () =>
  withSession("ar", 64, async (session) => {
    const ids = [100, 7, 90];
    const options = { maxTokens: 6, ignoreEos: true };
    const { tokens } = await session.generate(ids, options).finish();
    for (
      const prompt of [
        Uint8Array.from(ids),
        Int8Array.from(ids),
        Uint16Array.from(ids),
        Int16Array.from(ids),
        Uint32Array.from(ids),
        Int32Array.from(ids),
        BigInt64Array.from(ids, BigInt),
        BigUint64Array.from(ids, BigInt),
      ]
    ) {
      const found = await session.generate(prompt, options).finish();
      assertEquals([found.tokens, found.promptTokens], [tokens, 3], prompt.constructor.name);
    }
    for (
      const [prompt, message] of [
        [Float32Array.from(ids), "the prompt is of type Float32Array, expected text or token ids"],
        [new ArrayBuffer(4), "the prompt is of type ArrayBuffer"],
        [{ length: 1, 0: 5 }, "the prompt is {"],
        [new Set(ids), "the prompt is of type Set"],
        [5, "the prompt is 5"],
        [null, "the prompt is null"],
        [["5"], 'token "5" is in the prompt, expected 0 to 3071'],
        [[5, null], "token null"],
        [[1.5], "token 1.5"],
        [Int32Array.of(-1), "token -1"],
        [BigInt64Array.of(2n ** 40n), `token ${2n ** 40n}n`],
        [new Uint32Array(0), "no tokens"],
      ] as const
    ) {
      assertThrows(() => session.generate(prompt as never), ArgumentError, message);
    }
  }));

Deno.test("a prompt that is read is heard of, piece by piece", async () => {
  // Where pieces are short.
  using device = Device.open({ backend: "cpu" });
  await withSession("ar", 1024, async (session) => {
    const prompt = Array.from({ length: 700 }, (_, i) => i);
    const heard: [number, number][] = [];
    const progress = (done: number, total: number) => void heard.push([done, total]);
    const { tokens } = await session.generate(prompt, { maxTokens: 3, progress }).finish();
    assertEquals(heard, [[0, 700], [256, 700], [512, 700], [699, 700], [700, 700]]);
    assertEquals((await session.generate(prompt, { maxTokens: 3 }).finish()).tokens, tokens);
    session.forget();

    // Nobody else runs while a piece is read; between two pieces a signal is heard.
    const controller = new AbortController();
    const { signal } = controller;
    setTimeout(() => controller.abort(), 1);
    const work = (until = performance.now() + 60) => {
      while (performance.now() < until);
    };
    heard.length = 0;
    const generation = session.generate(prompt, {
      signal,
      progress: (done, total) => {
        progress(done, total);
        work();
      },
    });
    await assertRejects(() => generation.finish(), DOMException);
    assertEquals(heard, [[0, 700], [256, 700]]);
    const { result } = generation;
    assertEquals([result.finishReason, result.tokens, result.stats.targetForwards], [
      "aborted",
      [],
      0,
    ]);
    assert(result.stats.timings.prefillMs > 60);
    assertEquals(result.stats.timings.decodeMs, 0);
  }, device);
});

Deno.test("a prompt that is too long is told how far the context may go", () =>
  withSession("ar", 64, (session) => {
    assertThrows(
      () => session.generate(new Array(70).fill(5)),
      ArgumentError,
      "Cannot generate: the prompt has 70 tokens, expected at most 63 with a context of 64; " +
        "context (--context on the command line) may go up to 2048 with this model",
    );
    return Promise.resolve();
  }));

Deno.test("what a generation counts is its own, also where it never began", () =>
  withSession("ar", 64, async (session) => {
    await session.generate(PROMPT, { maxTokens: 5 }).finish();
    const late = session.generate(PROMPT, { signal: AbortSignal.abort() });
    await assertRejects(() => late.finish(), DOMException);
    assertEquals([late.result.stats.targetForwards, late.result.stats.generatedTokens], [0, 0]);
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

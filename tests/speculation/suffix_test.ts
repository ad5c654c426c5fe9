/**
 * What a suffix drafter remembers: its prompt, what was generated, and the texts before; and that it forgets when told so.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { Session } from "../../src/engine/session.ts";
import { Arena, type Device } from "../../src/device/mod.ts";
import type { Model } from "../../src/model/mod.ts";
import { draftModel, Round, sequenceMemory, suffix } from "../../src/speculation/mod.ts";
import { Trio } from "../../scripts/models/trio.ts";
import { backendTest } from "../backends.ts";
import { decode, prompts, withModels } from "../rounds.ts";

const ALL = { depth: 15, treeSize: 16, leastWorth: 0 };
const CONTEXT = 200;

function withRound(target: Model, plan: ReturnType<typeof suffix>, body: (round: Round) => void) {
  using arena = new Arena(target.device, "test");
  using round = new Round(target, sequenceMemory(target.device, arena, CONTEXT, plan), plan);
  body(round);
}

function say(round: Round, prompt: readonly number[], count: number, seed?: number): number[] {
  const { vocabSize } = round.state.model.config;
  const choice = seed === undefined ? {} : { temperature: 1, seed };
  round.memory.choice.set(choice, prompt.length, vocabSize);
  for (const _ of round.read(prompt)) { /* all of it */ }
  const tokens: number[] = [];
  while (tokens.length < count) {
    const accepted = round.run();
    tokens.push(...round.result.subarray(1, 1 + accepted));
  }
  return tokens.slice(0, count);
}

function withTarget(device: Device, body: (target: Model, draft: Model) => void): void {
  withModels(device, { target: 1, draft: 2 }, ({ target, draft }) => body(target, draft));
}

backendTest("a text that was said before is said again in few rounds", ({ device }) => {
  withTarget(device, (target) => {
    const prompt = prompts(5)[4];
    for (const seed of [undefined, 5]) {
      const choice = seed === undefined ? {} : { temperature: 1, seed };
      const { tokens } = decode(target, prompt, 48, undefined, choice);
      withRound(target, suffix(ALL), (round) => {
        assertEquals(say(round, prompt, 48, seed), tokens);
        assert(round.stats.tau < 3, `tau ${round.stats.tau} of a text that is new`);
        // Another one between the two, and one that parts from the first in its middle.
        say(round, prompts(4)[3], 20);
        say(round, [...prompt.slice(0, 2), 3, 1, 2], 20);
        assertEquals(say(round, prompt, 48, seed), tokens);
        assertGreater(round.stats.tau, 12, "one that was said before");
        round.forget();
        assertEquals(say(round, prompt, 48, seed), tokens);
        assert(round.stats.tau < 3, `tau ${round.stats.tau} of one that was forgotten`);
      });
    }
  });
});

backendTest("where nothing stood before, a round is one of plain decoding", ({ device }) => {
  withTarget(device, (target) => {
    withRound(target, suffix(ALL), (round) => {
      for (const _ of round.read([1, 2, 3, 4, 5])) { /* all of it */ }
      round.drafter!.propose();
      assertEquals(round.drafter!.proposed, 1);
      for (const _ of round.read([1, 2, 3, 4, 1])) { /* all of it */ }
      round.drafter!.propose();
      assertGreater(round.drafter!.proposed, 3);
    });
    // A chance that nothing has.
    withRound(target, suffix({ ...ALL, leastWorth: 1 }), (round) => {
      for (const _ of round.read([1, 2, 3, 4, 1, 2, 3])) { /* all of it */ }
      round.drafter!.propose();
      assertEquals(round.drafter!.proposed, 1);
    });
  });
});

backendTest(
  "a text is the same with every shape, and with every chance that nodes need",
  ({ device }) => {
    withTarget(device, (target) => {
      const prompt = [5, 6, 7, 8, 5, 6, 9, 5, 6, 7];
      const { tokens } = decode(target, prompt, 40);
      // A bias makes it repeat itself, with tokens that stood before.
      const choice = { logitBias: { 5: 30, 6: 30, 7: 29 }, temperature: 1, seed: 3 };
      const biased = decode(target, prompt, 40, undefined, choice).tokens;
      let most = 0;
      for (const treeSize of [1, 2, 3, 5, 9, 17, 40, 64]) {
        for (const depth of [1, 3, 63]) {
          for (const leastWorth of [0, 0.1, 0.5]) {
            const plan = suffix({ depth, treeSize, leastWorth });
            assertEquals(decode(target, prompt, 40, plan).tokens, tokens);
            const found = decode(target, prompt, 40, plan, choice);
            assertEquals(found.tokens, biased, `${treeSize} nodes, depth ${depth}, ${leastWorth}`);
            most = Math.max(most, found.tau);
          }
        }
      }
      assertGreater(most, 1.5, "tau of the best");
    });
  },
  ["cpu", "cuda"],
);

backendTest("a hierarchy remembers nothing that its target refused", ({ device }) => {
  withTarget(device, (target, draft) => {
    // The draft model is always wrong. What it said would be proposed within, if it were not taken back.
    const plan = () => draftModel(draft, { minDraft: 6 }, suffix({ ...ALL, depth: 4 }));
    const prompt = prompts(5)[4];
    const inner = (round: Round) => {
      const { rounds, tokens, histogram } = round.levels[1];
      return { rounds, tokens, histogram: [...histogram] };
    };
    withRound(target, plan(), (round) => {
      const text = [...prompt, ...say(round, prompt, 40)];
      for (const level of round.levels) level.reset();
      while (round.state.length < text.length + 20) round.run();
      const found = inner(round);
      withRound(target, plan(), (fresh) => {
        for (const _ of fresh.read(text)) { /* all of it */ }
        for (const level of fresh.levels) level.reset();
        while (fresh.state.length < text.length + 20) fresh.run();
        assertEquals(found, inner(fresh));
      });
    });
  });
});

backendTest("a session forgets its texts when it is told to", async ({ device }) => {
  using trio = new Trio(undefined, device);
  using session = new Session(trio.target, trio.tokenizer, { context: 512, drafter: suffix(ALL) });
  const prompt =
    "Question: Tom has 3 apples and buys 5 more. How many apples does he have?\nAnswer:";
  const run = () => session.generate(prompt, { maxTokens: 40 }).finish();
  const first = await run();
  const again = await run();
  session.forget();
  const forgotten = await run();
  assertEquals(again.tokens, first.tokens);
  assertEquals(forgotten.tokens, first.tokens);
  assertEquals(forgotten.stats.acceptLengths, first.stats.acceptLengths);
  assertGreater(again.stats.tau, 2 * first.stats.tau);
  assertEquals(first.stats.method, "suffix");
}, ["cpu", "cuda"]);

backendTest("tokens say that a suffix proposed them", async ({ device }) => {
  using trio = new Trio(undefined, device);
  const drafter = draftModel(trio.draft, { minDraft: 4 }, suffix({ ...ALL, depth: 4 }));
  using session = new Session(trio.target, trio.tokenizer, { context: 512, drafter });
  const by = new Set<string>();
  const prompt =
    "Question: Tom has 3 apples and buys 5 more. How many apples does he have?\nAnswer:";
  for await (const piece of session.generate(prompt, { maxTokens: 40 })) by.add(piece.by);
  assertEquals([...by].sort(), ["draft", "suffix", "target"]);
  assertEquals(session.method, "draft(suffix)");
}, ["cpu", "cuda"]);

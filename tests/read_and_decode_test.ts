/**
 * A draft model alone reads the last token of a sequence that was accepted as a whole in the forward of its next token: its plain
 * proposals are what they are without that, and what proposes to it reads the same text and the same hidden states.
 */
import { assertEquals, assertGreater } from "@std/assert";
import { Trio } from "../scripts/trio.ts";
import { Arena, rows } from "../src/device/mod.ts";
import {
  draftModel,
  eagle2,
  Round,
  sequenceMemory,
  type Setting,
  suffix,
  switched,
} from "../src/speculation/mod.ts";
import { backendTest } from "./backends.ts";
import { problems } from "./problems.ts";
import { Decoder, withModels } from "./rounds.ts";
import { CONTEXT, Forwards, Seats } from "./seats.ts";

const DRAFT = 5;

backendTest("reading and decoding: one forward less where all was accepted", ({ device }) => {
  // The draft model is the target: it is right as long as its caches are.
  withModels(device, { target: 1, draft: 1 }, ({ target, draft }) => {
    for (const siblings of [0, 3]) {
      using forwards = new Forwards();
      using decoder = new Decoder(target, 360, draftModel(draft, { minDraft: DRAFT, siblings }));
      using plain = new Decoder(target, 360);
      const rounds = 20;
      // With siblings a round takes the best one behind the sequence, too.
      const each = siblings > 0 ? 2 + DRAFT : 1 + DRAFT;
      for (const prompt of [[1, 2], [3], [4, 5, 6, 7]]) {
        // The first token of all is decoded plainly, and then missed.
        const first = prompt.length === 1 ? 1 : 0;
        let tokens: number[] = [];
        const count = forwards.of(draft, () => {
          tokens = decoder.decode(prompt, first + rounds * each);
        });
        assertEquals(tokens, plain.decode(prompt, tokens.length), `behind ${prompt}`);
        if (siblings === 0) assertEquals(count, rounds * DRAFT, `forwards behind ${prompt}`);
      }
    }
  });
}, ["cpu", "cuda"]);

backendTest(
  "reading and decoding: texts and what a head reads as with forwards of their own",
  ({ device }) => {
    using trio = new Trio(undefined, device);
    const inner = switched([
      suffix({ depth: 4, treeSize: 8 }),
      eagle2(trio.draftHeads.eagle2!, { depth: 3, topk: 3, treeSize: 8 }),
    ]);
    const plan = draftModel(trio.draft, { minDraft: 3, shorter: [1] }, inner);
    const prompts = problems(3, 5).map((text) =>
      trio.tokenizer.encode(`Question: ${text}\nAnswer:`)
    );
    // In a seat a draft model catches up by itself.
    using seats = new Seats(trio.target, 2, plan);
    using arena = new Arena(device, "alone");
    using alone = new Round(trio.target, sequenceMemory(device, arena, CONTEXT, plan), plan);
    const plain = plan.settings.filter((one) => one.kind === "draft" && one.inner.kind === "plain");
    /** What rounds of settings by turns come to. */
    const told = (round: Round, prompt: readonly number[], settings: readonly Setting[]) => {
      for (const _ of round.read(prompt));
      const rounds = [];
      for (let i = 0; i < 24; i++) {
        round.drafter!.use!(settings[i % settings.length]);
        const accepted = round.run();
        rounds.push([...round.result.subarray(1, 1 + accepted)]);
      }
      const [target, draft] = round.levels;
      // What the head inside reads of all tokens behind the prompt that the draft model has.
      const { round: { taps, state } } = round.drafter as unknown as { readonly round: Round };
      const hidden = device.download(rows(taps!.ring, prompt.length, state.length));
      const read = state.length - prompt.length;
      return { rounds, tau: target.tau, inner: [...draft.histogram], read, hidden };
    };
    for (const prompt of prompts) {
      assertEquals(told(alone, prompt, plain), told(seats.rounds[0], prompt, plain));
      const all = plan.settings;
      const [one, other] = [told(alone, prompt, all), told(seats.rounds[0], prompt, all)];
      const [said, heard] = [one.rounds.flat(), other.rounds.flat()];
      const tokens = Math.min(said.length, heard.length);
      assertEquals(said.slice(0, tokens), heard.slice(0, tokens));
      const read = Math.min(one.read, other.read);
      assertGreater(read, 24);
      const bytes = read * one.hidden.byteLength / one.read;
      assertEquals(one.hidden.subarray(0, bytes), other.hidden.subarray(0, bytes));
      for (const { tau, inner } of [one, other]) {
        assertGreater(tau, 1.5);
        assertGreater(inner.slice(2).reduce((sum, count) => sum + count, 0), 0);
      }
    }
  },
  ["cpu", "cuda"],
);

backendTest("reading and decoding: a head inside drafts behind it", ({ device }) => {
  // The draft model is the target, so that sequences are accepted as a whole, and so are siblings.
  using trio = new Trio(undefined, device);
  const head = eagle2(trio.heads.eagle2!, { depth: 3, topk: 3, treeSize: 8 });
  using decoder = new Decoder(
    trio.target,
    256,
    draftModel(trio.target, { minDraft: DRAFT }, head),
  );
  using plain = new Decoder(trio.target, 256);
  for (const text of problems(3, 5)) {
    const prompt = trio.tokenizer.encode(`Question: ${text}\nAnswer:`);
    const tokens = decoder.decode(prompt, 48);
    assertEquals(tokens, plain.decode(prompt, tokens.length));
    const { levels: [target, draft] } = decoder;
    // Every sequence but the first begins with a token of the forward that reads the last one's end.
    assertEquals(draft.catchUps, target.rounds - 1);
    assertEquals(target.tokens, draft.tokens + draft.catchUps + target.rounds);
  }
}, ["cpu", "cuda"]);

/**
 * A draft model alone reads the last token of a sequence that was accepted as a whole in the forward of its next token: nothing
 * but the count of forwards tells, neither its proposals nor those of a head inside, which reads the hidden states of both rows.
 */
import { assertEquals, assertGreater } from "@std/assert";
import { Trio } from "../../scripts/models/trio.ts";
import { Arena, rows } from "../../src/device/mod.ts";
import {
  draftModel,
  eagle2,
  Round,
  sequenceMemory,
  suffix,
  switched,
} from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { problems } from "../problems.ts";
import { Decoder, withModels } from "../rounds.ts";
import { CONTEXT, Forwards, Seats } from "../seats.ts";

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
  "reading and decoding: proposals and inner rounds as with forwards of their own",
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
    /** What rounds of settings by turns come to. */
    const told = (round: Round, prompt: readonly number[]) => {
      for (const _ of round.read(prompt));
      const all = [];
      for (let i = 0; i < 24; i++) {
        round.drafter!.use!(plan.settings[i % plan.settings.length]);
        const accepted = round.run();
        all.push([...round.result.subarray(0, 1 + accepted)]);
      }
      const [target, draft] = round.levels;
      // What the head inside reads of all tokens behind the prompt that the draft model has.
      const { round: { taps, state } } = round.drafter as unknown as { readonly round: Round };
      const hidden = device.download(rows(taps!.ring, prompt.length, state.length));
      return { all, tau: target.tau, inner: [...draft.histogram], hidden };
    };
    for (const prompt of prompts) {
      const [one, other] = [told(alone, prompt), told(seats.rounds[0], prompt)];
      assertEquals(one, other);
      assertGreater(one.tau, 1.5);
      assertGreater(one.inner.slice(2).reduce((sum, count) => sum + count, 0), 0);
    }
  },
  ["cpu", "cuda"],
);

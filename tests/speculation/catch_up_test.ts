/**
 * Draft models of several texts read side by side what was committed without them, in as few forwards as the one that has missed
 * most needs, and nobody who sits beside them loses anything.
 */
import { assertEquals } from "@std/assert";
import { draftModel } from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { Decoder, withModels } from "../rounds.ts";
import { Forwards, Seats } from "../seats.ts";

/** Tokens of a proposal. */
const DRAFT = 5;

backendTest("catching up: draft models do it in forwards that they share", ({ device }) => {
  // The draft model is the target: it is right as long as its caches are.
  withModels(device, { target: 1, draft: 1 }, ({ target, draft }) => {
    using forwards = new Forwards();
    using seats = new Seats(target, 4, draftModel(draft, { minDraft: DRAFT }));
    const { rounds, company } = seats;
    const texts: { prompt: number[]; tokens: number[] }[] = [];
    const begin = (seat: number, prompt: number[]) => {
      texts.push({ prompt, tokens: [] });
      for (const _ of rounds[seat].read(prompt));
      return texts.at(-1)!.tokens;
    };
    const of = rounds.map((_, seat) => begin(seat, [1, 2 + seat, 3].slice(0, 2 + seat % 2)));
    /** A turn of `turns`; gives the draft model's forwards. */
    const turn = (turns: readonly number[], isPlain = false): number =>
      forwards.of(draft, () =>
        company.run(
          turns.map((seat) => ({
            seat,
            done: (result) => {
              if ("error" in result) throw result.error;
              assertEquals(result.accepted, isPlain ? 1 : 1 + DRAFT, `seat ${seat}`);
              of[seat].push(...rounds[seat].result.subarray(1, 1 + result.accepted));
            },
          })),
          isPlain,
        ));

    assertEquals(turn([0, 1, 2, 3]), DRAFT, "behind a prompt nothing is missed");
    // The last token of a proposal that was accepted as a whole has not been read.
    for (let i = 0; i < 3; i++) assertEquals(turn([0, 1, 2, 3]), 1 + DRAFT, `turn ${i}`);

    for (const [seat, count] of [0, 0, 5, 40].entries()) {
      for (let i = 0; i < count; i++) turn([seat], true);
    }
    // Of 41 tokens 32 have been read at once.
    assertEquals(turn([0, 1, 2, 3]), 9 + DRAFT, "as many as the farthest behind has missed");
    assertEquals(turn([0, 1, 2, 3]), 1 + DRAFT, "all are level again");

    // A seat that reads nothing costs the CPU as much as one that reads.
    const ofThree = device.backend === "cpu" ? 2 : 1;
    assertEquals(turn([0, 2, 3]), ofThree + DRAFT, "a seat whose turn it is not");
    of[1] = begin(1, [7, 7, 7, 8]);
    assertEquals(turn([0, 1, 2, 3]), ofThree + DRAFT, "a seat that begins has missed nothing");
    for (let i = 0; i < 40; i++) turn([0, 1], true);
    for (const seat of [0, 1]) of[seat] = begin(seat, [9, 4 + seat]);
    assertEquals(
      turn([0, 1, 2, 3]),
      1 + DRAFT,
      "what was missed of a text that was left is not read",
    );
    assertEquals(turn([3]), 1 + DRAFT, "alone");

    using plain = new Decoder(target, 360);
    for (const { prompt, tokens } of texts) {
      assertEquals(tokens, plain.decode(prompt, tokens.length), `behind ${prompt}`);
    }
  });
}, ["cpu", "cuda"]);

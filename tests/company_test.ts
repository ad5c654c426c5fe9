/**
 * Several sequences verified in one forward: each gets the tokens that it gets alone, bit for bit, whatever proposes, whoever
 * sits beside it, and while others begin, read their prompts, end and begin anew.
 */
import { assert, assertEquals } from "@std/assert";
import { Arena, SharedScratch } from "../src/device/mod.ts";
import type { Model } from "../src/model/mod.ts";
import {
  type ChoiceOptions,
  Company,
  type DrafterPlan,
  Round,
  sequenceMemory,
} from "../src/speculation/mod.ts";
import { backendTest } from "./backends.ts";
import { methodsOf } from "./methods.ts";
import { SMALL } from "./models.ts";
import { Random } from "./random.ts";
import { Decoder, prompts, withModels } from "./rounds.ts";

/** The longest text. */
const CONTEXT = 360;

/** Several rounds of one plan, each in its seat. */
class Seats implements Disposable {
  readonly rounds: readonly Round[];
  readonly company: Company;
  readonly #cleanup: DisposableStack;

  constructor(target: Model, count: number, plan?: DrafterPlan, context = CONTEXT) {
    using cleanup = new DisposableStack();
    const { device } = target;
    const arena = cleanup.use(new Arena(device, "seats"));
    const scratch = new SharedScratch(arena);
    this.rounds = Array.from({ length: count }, (_, index) => {
      scratch.rewind();
      const seat = { index, of: count, scratch };
      const memory = sequenceMemory(device, arena, context, plan, Infinity, seat);
      return cleanup.use(new Round(target, memory, plan));
    });
    this.company = cleanup.use(new Company(this.rounds));
    this.#cleanup = cleanup.move();
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}

/** A text to make. */
interface Wanted {
  readonly prompt: readonly number[];
  readonly count: number;
  readonly options: ChoiceOptions;
}

/** A text under way. */
interface Running {
  readonly which: number;
  readonly reading: Iterator<number, void>;
  isRead: boolean;
  readonly tokens: number[];
}

/** Makes `wanted` in the seats, in an order that `random` draws; gives the tokens of each and the most rounds at once. */
function makeAll({ rounds, company }: Seats, wanted: readonly Wanted[], random: Random) {
  const made: number[][] = [];
  const running = new Map<number, Running>();
  let next = 0;
  let most = 0;
  while (made.filter(() => true).length < wanted.length) {
    for (const [seat, round] of rounds.entries()) {
      if (running.has(seat) || next === wanted.length || random.integer(3) > 0) continue;
      const { prompt, options } = wanted[next];
      round.memory.choice.set(options, prompt.length, SMALL.vocab);
      running.set(seat, { which: next++, reading: round.read(prompt), isRead: false, tokens: [] });
    }
    const turns: { seat: number; accepted?: number }[] = [];
    for (const [seat, one] of running) {
      // Some are slow.
      if (random.integer(4) === 0) continue;
      if (one.isRead) turns.push({ seat });
      else one.isRead = one.reading.next().done === true;
    }
    most = Math.max(most, turns.length);
    company.run(
      turns.map((turn) => ({
        seat: turn.seat,
        done: (result) => {
          if ("error" in result) throw result.error;
          turn.accepted = result.accepted;
        },
      })),
      random.integer(8) === 0,
    );
    for (const { seat, accepted } of turns) {
      const { tokens, which } = running.get(seat)!;
      tokens.push(...rounds[seat].result.subarray(1, 1 + accepted!));
      if (tokens.length < wanted[which].count) continue;
      made[which] = tokens.slice(0, wanted[which].count);
      running.delete(seat);
    }
  }
  return { made, most };
}

function wantedTexts(count: number): Wanted[] {
  const random = new Random(5);
  return prompts(count).map((prompt, i) => ({
    prompt,
    count: 5 + random.integer(30),
    options: random.pick([{}, { temperature: 0.9, seed: i }, {
      temperature: 1.5,
      topK: 9,
      seed: i,
    }]),
  }));
}

backendTest(
  "company: texts side by side are those of texts alone, in every method",
  ({ device }) => {
    withModels(device, { target: 1, draft: 1, noise: 0.4 }, (models) => {
      const wanted = wantedTexts(7);
      using plain = new Decoder(models.target, CONTEXT);
      const right = wanted.map(({ prompt, count, options }) =>
        plain.decode(prompt, count, options)
      );
      const plans = [{ name: "ar", plan: () => undefined }, ...methodsOf(models)];
      for (const [i, { name, plan }] of plans.entries()) {
        using seats = new Seats(models.target, 5, plan(models));
        const { made, most } = makeAll(seats, wanted, new Random(i));
        assertEquals(made, right, name);
        assert(most >= 3, `${name}: at most ${most} at once`);
      }
    });
  },
  ["cpu", "cuda"],
);

backendTest("company: 64 seats fill a forward, behind texts long and short", ({ device }) => {
  withModels(device, { target: 1, draft: 1 }, ({ target }) => {
    const random = new Random(2);
    // Beyond 1,024 tokens one row alone has another attention.
    const wanted = Array.from({ length: 70 }, (_, i) => ({
      prompt: random.integers(i % 20 === 7 ? 1020 : 1 + random.integer(30), SMALL.vocab),
      count: 8,
      options: i % 2 === 0 ? {} : { temperature: 1, seed: i },
    }));
    using plain = new Decoder(target, 1100);
    const right = wanted.map(({ prompt, count, options }) => plain.decode(prompt, count, options));
    using seats = new Seats(target, 64, undefined, 1100);
    const { made, most } = makeAll(seats, wanted, random);
    assertEquals(made, right);
    assert(most >= 16, `at most ${most} at once`);
  });
}, ["cpu", "cuda"]);

/**
 * Several sequences verified in one forward: each gets the tokens that it gets alone, bit for bit, whatever proposes, whoever
 * sits beside it, and while others begin, read their prompts, end and begin anew.
 */
import { assert, assertEquals } from "@std/assert";
import { Arena, rows } from "../../src/device/mod.ts";
import { allocateChain } from "../../src/speculation/trees/chain.ts";
import type { Constraint } from "../../src/speculation/sequence/constraint.ts";
import {
  always,
  type ChoiceOptions,
  type Drafter,
  type DrafterPlan,
  draftModel,
  dspark,
  eagle2,
  eagle3 as eagle3Of,
  Round,
  sequenceMemory,
  switched,
  type Turn,
} from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { methodsOf } from "../methods.ts";
import { SMALL } from "../models.ts";
import { Random } from "../random.ts";
import { Decoder, prompts, withModels } from "../rounds.ts";
import { CONTEXT, Seats } from "../seats.ts";

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
      const cut = { depth: 5, topk: 1, treeSize: 6, leastConfidence: 0.2 };
      const plans = [
        { name: "ar", plan: () => undefined },
        { name: "chains that are cut", plan: () => dspark(models.blocks!.DeepSpec.target, cut) },
        ...methodsOf(models),
      ];
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

backendTest("company: caches in 8 bits say side by side what they say alone", ({ device }) => {
  withModels(device, { target: 1, draft: 1, noise: 0.4 }, (models) => {
    const wanted = wantedTexts(6);
    const { targetHead, blocks } = models;
    const plans = [
      undefined,
      eagle2(targetHead, { depth: 3, topk: 4, treeSize: 12 }),
      dspark(blocks!.DeepSpec.target, { depth: 5, topk: 1, treeSize: 6 }),
    ];
    using plain = new Decoder(models.target, CONTEXT, undefined, "int8");
    const right = wanted.map(({ prompt, count, options }) => plain.decode(prompt, count, options));
    for (const [i, plan] of plans.entries()) {
      using seats = new Seats(models.target, 4, plan, CONTEXT, "int8");
      for (const { state } of seats.rounds) assertEquals(state.cache.keys[0].dtype, "i8");
      assertEquals(makeAll(seats, wanted, new Random(i)).made, right, plan?.name);
    }
  });
}, ["cpu", "cuda"]);

/** Has every drafter refuse to propose alone. */
function together({ rounds }: Seats): void {
  const propose = () => {
    throw new Error("a drafter proposed alone");
  };
  for (const { drafter } of rounds) Object.assign(drafter!, { propose });
}

backendTest("company: drafters propose side by side, and what they propose alone", ({ device }) => {
  withModels(device, { target: 1, draft: 1, noise: 0.4 }, (models) => {
    const { target, draft, draftHead, targetHead, eagle3, blocks, recent } = models;
    const wanted = wantedTexts(6).slice(1, 5);
    const shape = { depth: 3, topk: 4, treeSize: 12 };
    const plans = [
      draftModel(draft, { minDraft: 5 }),
      draftModel(draft, { minDraft: 4, siblings: 3 }, eagle2(draftHead, shape)),
      eagle2(targetHead, shape),
      ...Object.values(eagle3!).map(({ target }) => eagle3Of(target, { ...shape, topk: 9 })),
      dspark(blocks!.DeepSpec.target, { depth: 5, topk: 1, treeSize: 6 }),
      // Recent tokens are those of each seat's own text.
      eagle2(recent!.eagle2.target, shape),
      draftModel(draft, { minDraft: 4 }, eagle2(recent!.eagle2.draft, shape)),
      dspark(recent!.dspark.target, { depth: 5, topk: 1, treeSize: 6 }),
    ];
    for (const plan of plans) {
      using seats = new Seats(target, 4, plan);
      using arena = new Arena(device, "alone");
      using stack = new DisposableStack();
      const alone = wanted.map(() =>
        stack.use(new Round(target, sequenceMemory(device, arena, CONTEXT, plan), plan))
      );
      const { rounds, company } = seats;
      for (const [seat, { prompt, options }] of wanted.entries()) {
        for (const round of [rounds[seat], alone[seat]]) {
          round.memory.choice.set(options, prompt.length, SMALL.vocab);
          for (const _ of round.read(prompt));
        }
      }
      together(seats);
      const proposed = ({ drafter, state }: Round) => {
        const { proposal: { tokens, parents }, proposed } = drafter!;
        if (tokens === undefined) return [state.length, proposed];
        return [...device.download(tokens), ...device.download(parents!)];
      };
      const done: Turn["done"] = (result) => {
        if ("error" in result) throw result.error;
      };
      for (let i = 0; i < 8; i++) {
        // So that draft models have missed more than others, and some of them nothing.
        for (const [seat, round] of alone.entries()) {
          for (let plain = 0; plain < (i * seat) % 4; plain++) {
            company.run([{ seat, done }], true);
            const begun = round.begin({}, true);
            begun.queueAlone();
            begun.finish();
          }
        }
        company.run(rounds.map((_, seat) => ({ seat, done })), false);
        for (const [seat, round] of alone.entries()) {
          round.run();
          const where = `${plan.name}, round ${i} in seat ${seat}`;
          assertEquals(proposed(rounds[seat]), proposed(round), where);
        }
      }
    }
  });
}, ["cpu", "cuda"]);

backendTest("company: of several drafters those in use propose side by side", ({ device }) => {
  withModels(device, { target: 1, draft: 1, noise: 0.4 }, (models) => {
    const wanted = wantedTexts(6);
    using plain = new Decoder(models.target, CONTEXT);
    const right = wanted.map(({ prompt, count, options }) => plain.decode(prompt, count, options));
    const shape = { depth: 3, topk: 4, treeSize: 12 };
    const plan = switched([
      draftModel(
        models.draft,
        { minDraft: 5, siblings: 3 },
        switched([eagle2(models.draftHead, shape)]),
      ),
      eagle2(models.targetHead, { ...shape, others: [{ depth: 2, topk: 6, treeSize: 8 }] }),
    ]);
    using seats = new Seats(models.target, 4, plan);
    const random = new Random(3);
    for (const { drafter } of seats.rounds) {
      drafter!.policy = { ...always(plan.settings[0]), next: () => random.pick(plan.settings) };
    }
    together(seats);
    assertEquals(makeAll(seats, wanted, new Random(1)).made, right);
    assert(seats.rounds.some(({ levels }) => levels[1].rounds > 0));
  });
}, ["cpu", "cuda"]);

backendTest("company: who does not propose reads what others chose in one go", ({ device }) => {
  withModels(device, { target: 1, draft: 1, noise: 0.4 }, ({ target, draft }) => {
    const plan = draftModel(draft, { minDraft: 5 });
    using seats = new Seats(target, 2, plan);
    const { rounds, company } = seats;
    for (const [seat, round] of rounds.entries()) for (const _ of round.read([1, 2 + seat]));
    const run = (isPlain: boolean) =>
      company.run(
        rounds.map((_, seat) => ({
          seat,
          done: (result) => {
            if ("error" in result) throw result.error;
          },
        })),
        isPlain,
      );
    for (let i = 0; i < 40; i++) run(true);
    assertEquals(rounds.map(({ levels }) => levels[1].catchUps), [1, 1]);
    run(false);
    assert(rounds.every(({ levels }) => levels[1].rounds === 5));
  });
}, ["cpu", "cuda"]);

/** Chains that are right about texts in which `behind` says what follows a token, cut to lengths that differ. */
function rightChains(depth: number, behind: (token: number) => number): DrafterPlan {
  const create: DrafterPlan["create"] = ({ state, memory: { device, text } }) => {
    const arena = new Arena(device, "chains");
    const proposal = allocateChain(arena, depth, true);
    const drafter: Drafter & { proposed: number } = {
      proposal,
      proposed: 1,
      reach: depth,
      levels: [],
      prefill: () => {},
      propose() {
        const chain = [text[state.length]];
        while (chain.length < proposal.rows) chain.push(behind(chain.at(-1)!));
        device.upload(rows(proposal.tokens, 0, proposal.rows), Int32Array.from(chain));
        drafter.proposed = 2 + (state.length + text[0]) % depth;
      },
      follow: () => {},
      queueObserve: () => {},
      observe: () => {},
      proposer: () => "right",
      resume: () => {},
      [Symbol.dispose]: () => arena[Symbol.dispose](),
    };
    return drafter;
  };
  return { name: "right", taps: "none", rows: 1 + depth, depth, slack: 0, settings: [], create };
}

backendTest("company: rows beyond a cut keep to a constraint, too", ({ device }) => {
  withModels(device, { target: 1, draft: 1 }, ({ target }) => {
    const behind = (token: number) => (7 * token + 3) % SMALL.vocab;
    const constraint: Constraint = {
      fill(tokens, _, masks) {
        masks.fill(0);
        const width = masks.length / tokens.length;
        for (const [i, token] of tokens.entries()) {
          const next = behind(token);
          masks[i * width + (next >> 5)] = 1 << (next & 31);
        }
      },
      forced: () => [],
    };
    using seats = new Seats(target, 4, rightChains(5, behind));
    const { rounds, company } = seats;
    for (const [seat, round] of rounds.entries()) {
      round.memory.choice.set({}, 2, SMALL.vocab);
      round.prepareConstraint();
      for (const _ of round.read([seat, 10 + seat]));
    }
    let beyond = 0;
    const last = rounds.map((_, seat) => 10 + seat);
    for (let i = 0; i < 12; i++) {
      const turns = rounds.map((round, seat) => ({
        seat,
        constraint,
        done: (result: { accepted: number } | { error: unknown }) => {
          if ("error" in result) throw result.error;
          if (result.accepted > round.drafter!.proposed) beyond++;
          for (const token of round.result.subarray(1, 1 + result.accepted)) {
            assertEquals(token, behind(last[seat]), `seat ${seat}`);
            last[seat] = token;
          }
        },
      }));
      company.run(turns, false);
    }
    assert(beyond > 0, "nobody's rows went beyond what was proposed");
  });
}, ["cpu", "cuda"]);

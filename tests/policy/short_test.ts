/**
 * The policy of `auto` in short texts, of which it knows nothing but costs: what it loses beside plain decoding.
 */
import { assertGreater, assertGreaterOrEqual } from "@std/assert";
import {
  always,
  AutoPolicy,
  CostTable,
  PLAIN,
  type Policy,
  type Setting,
} from "../../src/speculation/mod.ts";
import { made } from "./adversary.ts";
import { COSTS } from "./costs.ts";
import { LATE, LATE_SHARES } from "./late.ts";
import { SETTINGS } from "./settings.ts";
import { replay } from "./simulator.ts";
import { joined, type Trace } from "./trace.ts";

/** What short texts have of plain decoding where rounds with drafts take three times what was thought. */
const LEAST_SLOW = 0.95;

const LENGTHS = [40, 72, 150, 300, 1000];

/** Tokens in front of a text. */
const PROMPT = 100;

const REFUSED = { suffix: 0, tree: 0, draft: 0, inner: 0 };
const THIRD = { suffix: 1 / 3, tree: 1 / 3, draft: 1 / 3, inner: 1 / 3 };

const SETS = [
  ...Object.entries(LATE).map(([name, { settings, costs }]) => {
    return { name: `now: ${name}`, settings, costs, shares: LATE_SHARES };
  }),
  ...Object.entries(COSTS).map(([name, costs]) => {
    return { name: `before: ${name}`, settings: SETTINGS, costs, shares: undefined };
  }),
];
type Set = typeof SETS[number];

/** `auto` over plain decoding in a text of `length` tokens, of which there may be `most`. */
function ratio(
  { settings, costs, shares }: Set,
  rates: typeof REFUSED,
  { length, seed, most }: { length: number; seed: number; most?: number },
): number {
  const trace = made("short", length, seed, () => rates, shares);
  const policy = new AutoPolicy(settings, costs);
  const auto = replay(trace, costs, limited(policy, most));
  const plain = replay(trace, costs, always(PLAIN));
  return auto.tokens / auto.ms / (plain.tokens / plain.ms);
}

/** `policy`, told of each text that it has `most` tokens at most. */
function limited(policy: Policy, most?: number): Policy {
  return {
    decisions: [],
    next: (length) => policy.next(length),
    observe: (outcome) => policy.observe(outcome),
    reset: () => policy.reset(most),
  };
}

/** `auto` over plain decoding where rounds with drafts take three times what costs say, and none is timed by itself. */
function slow({ settings, costs }: Set, trace: Trace): number {
  const policy = new AutoPolicy(settings, costs);
  const plainMs = new CostTable(costs, 0).verify(0, 1);
  let setting: Setting = PLAIN;
  let lost = 0;
  replay(trace, costs, {
    decisions: [],
    next: (length) => setting = policy.next(length),
    observe: ({ ms, wholeMs, ...outcome }) => {
      const isPlain = setting === PLAIN;
      const took = isPlain ? wholeMs! : 3 * wholeMs!;
      if (!isPlain) lost += took - outcome.tokens * plainMs;
      policy.observe({ ...outcome, ms: isPlain ? ms : undefined, wholeMs: took });
    },
    reset: () => policy.reset(),
  });
  const all = trace.length * plainMs;
  return all / (all + lost);
}

for (const set of SETS) {
  Deno.test(`auto in short texts of refused drafts, ${set.name}`, () => {
    for (const length of LENGTHS) {
      for (const seed of [1, 2, 3]) {
        for (const most of [undefined, PROMPT + length, PROMPT + 1000]) {
          const found = ratio(set, REFUSED, { length, seed, most });
          assertGreaterOrEqual(found, 0.97, `${length} tokens, seed ${seed}, of ${most} at most`);
        }
      }
    }
  });

  Deno.test(`auto in short texts of drafts that are right a third of the time, ${set.name}`, () => {
    for (const length of LENGTHS) {
      const seeds = Array.from({ length: 30 }, (_, i) => i + 1);
      const sum = seeds.reduce((sum, seed) => sum + ratio(set, THIRD, { length, seed }), 0);
      console.log(`${set.name}, ${length} tokens: ${(sum / seeds.length).toFixed(3)}`);
      assertGreater(sum / seeds.length, 0.97, `${length} tokens`);
    }
  });

  Deno.test(`what drafts lose is known by the times that they take, ${set.name}`, () => {
    const found = slow(set, made("slow", 300, 1, () => REFUSED, set.shares));
    console.log(`${set.name}: ${found.toFixed(3)} of plain decoding`);
    assertGreaterOrEqual(found, LEAST_SLOW);
  });

  Deno.test(`what one text loses too much is held against the next, ${set.name}`, () => {
    const texts = Array.from({ length: 20 }, (_, i) => {
      return made("slow", 40, i, () => REFUSED, set.shares);
    });
    const found = slow(set, joined("session", texts));
    console.log(`${set.name}: ${found.toFixed(3)} of plain decoding`);
    assertGreaterOrEqual(found, LEAST_SLOW);
  });
}

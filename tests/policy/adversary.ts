/**
 * Traces made to mislead a policy: what was accepted so far says little about what comes, or nothing is accepted at all.
 *
 * @module
 */
import { Random } from "../random.ts";
import type { Trace } from "./trace.ts";

/** The drafters of a trace: how likely each next token of each is accepted, at a position. */
type Rates = (position: number) => Readonly<Record<"suffix" | "tree" | "draft" | "inner", number>>;

const REFUSED = { suffix: 0, tree: 0, draft: 0, inner: 0 };
const GOOD = { suffix: 0.1, tree: 0.8, draft: 0.85, inner: 0.8 };

/** How trees do, of the biggest one, by their shapes: those of the target's head and of the draft model's. */
export interface TreeShares {
  readonly target: Readonly<Record<string, number>>;
  readonly inner: Readonly<Record<string, number>>;
}

const TREES: Readonly<Record<string, number>> = { "5-8-32": 1, "4-6-16": 0.95, "2-3-5": 0.85 };
const INNER_TREES: Readonly<Record<string, number>> = { "3-8-24": 1, "2-3-5": 0.9 };

/** Most tokens accepted of anything. */
const DEPTH = 20;

/** A trace of `length` tokens in which a token of a drafter is accepted as often as `rates` say. */
export function made(
  name: string,
  length: number,
  seed: number,
  rates: Rates,
  trees: TreeShares = { target: TREES, inner: INNER_TREES },
): Trace {
  const random = new Random(seed);
  const accepted: Record<string, number[]> = {};
  const suffixRows: number[] = [];
  const add = (key: string, rate: number) => {
    let depth = 0;
    while (depth < DEPTH && random.uniform() < rate) depth++;
    (accepted[key] ??= []).push(depth);
  };
  for (let at = 0; at < length; at++) {
    const { suffix, tree, draft, inner } = rates(at);
    add("0 suffix", suffix);
    suffixRows.push(random.uniform() < 0.2 + suffix ? 16 : 1);
    for (const [shape, share] of Object.entries(trees.target)) add(`0 tree ${shape}`, tree * share);
    add("0 draft", draft);
    add("1 suffix", suffix);
    for (const [shape, share] of Object.entries(trees.inner)) add(`1 tree ${shape}`, inner * share);
  }
  return { name, length, accepted, suffixRows };
}

/** Rates that change with every `period` tokens, by turns. */
function turns(period: number, ...of: readonly ReturnType<Rates>[]): Rates {
  return (at) => of[Math.floor(at / period) % of.length];
}

/** Thirty traces of `length` tokens. */
export function adversarial(length: number, trees?: TreeShares): Trace[] {
  const tree = { ...REFUSED, tree: 0.85 };
  const draft = { ...REFUSED, draft: 0.9, inner: 0.85 };
  const suffix = { ...REFUSED, suffix: 0.9 };
  const kinds: Readonly<Record<string, Rates>> = {
    "all refused": () => REFUSED,
    "all refused behind 50 good tokens": (at) => at < 50 ? GOOD : REFUSED,
    "all refused but in the end": (at) => at > length * 0.8 ? GOOD : REFUSED,
    "good and refused every 10": turns(10, GOOD, REFUSED),
    "good and refused every 40": turns(40, GOOD, REFUSED),
    "good and refused every 200": turns(200, GOOD, REFUSED),
    "tree and draft every 30": turns(30, tree, draft),
    "tree and draft every 150": turns(150, tree, draft),
    "suffix, tree and draft every 100": turns(100, suffix, tree, draft),
    "a long suffix now and then": (at) => at % 120 < 30 ? suffix : GOOD,
  };
  return Object.entries(kinds).flatMap(([name, rates], i) =>
    [1, 2, 3].map((seed) => made(`${name}, ${seed}`, length, 100 * i + seed, rates, trees))
  );
}

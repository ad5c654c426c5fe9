/**
 * What makes a network one that can be walked: no state without a way to the end, and no round without a byte.
 *
 * @module
 */
import type { Place, RuleStates } from "./places.ts";

/** The states and rules of a network. */
export interface Ways {
  /** The states. */
  readonly places: readonly Place[];
  /** The rules, the whole text first. */
  readonly rules: readonly RuleStates[];
}

/** Removes the edges from which no text can end: what a state then takes can always be ended. */
export function removeDeadEnds({ places, rules: named }: Ways): void {
  const live = new Uint8Array(places.length);
  const before: number[][] = places.map(() => []);
  const callers: Array<Array<[from: number, to: number]>> = named.map(() => []);
  places.forEach(({ bytes, empty, calls }, from) => {
    for (const { to } of bytes) before[to].push(from);
    for (const to of empty) before[to].push(from);
    for (const { rule, to } of calls) callers[rule].push([from, to]);
  });
  const rules = new Uint8Array(named.length);
  const starts = new Map(named.map(({ start }, rule) => [start, rule]));
  // Where a call would go on, and the calls that wait for that.
  const waiting = new Map<number, number[]>();
  const stack: number[] = [];
  const mark = (place: number) => {
    if (live[place] === 1) return;
    live[place] = 1;
    stack.push(place);
  };
  for (const { end } of named) mark(end);
  for (let place = stack.pop(); place !== undefined; place = stack.pop()) {
    for (const from of before[place]) mark(from);
    for (const from of waiting.get(place) ?? []) mark(from);
    const rule = starts.get(place);
    if (rule === undefined) continue;
    rules[rule] = 1;
    for (const [from, to] of callers[rule]) {
      if (live[to] === 1) mark(from);
      else waiting.set(to, [...waiting.get(to) ?? [], from]);
    }
  }
  if (rules[0] === 0) throw new RangeError("no text fits it");
  for (const place of places) {
    place.bytes = place.bytes.filter(({ to }) => live[to] === 1);
    place.empty = place.empty.filter((to) => live[to] === 1);
    place.calls = place.calls.filter(({ rule, to }) => live[to] === 1 && rules[rule] === 1);
  }
}

/** Refuses rules that come back to themselves before a byte, which a search from the left never ends. */
export function refuseLeftRecursion(network: Ways): void {
  const { rules } = network;
  const nullable = new Uint8Array(rules.length);
  for (let changed = true; changed;) {
    changed = false;
    rules.forEach(({ start, end }, rule) => {
      if (nullable[rule] === 1 || !beginning(network, start, nullable).places.has(end)) return;
      nullable[rule] = 1;
      changed = true;
    });
  }
  const calls = rules.map(({ start }) => beginning(network, start, nullable).rules);
  const state = new Uint8Array(rules.length);
  const path: number[] = [];
  const visit = (rule: number): void => {
    if (state[rule] === 2) return;
    if (state[rule] === 1) {
      const round = [...path.slice(path.indexOf(rule)), rule].map((one) => rules[one].name);
      throw new RangeError(
        `a rule begins with itself: ${round.join(", ")}; expected a text before it, ` +
          'such as in a ::= "x" ("y" "x")*',
      );
    }
    state[rule] = 1;
    path.push(rule);
    for (const next of calls[rule]) visit(next);
    path.pop();
    state[rule] = 2;
  };
  for (let rule = 0; rule < rules.length; rule++) visit(rule);
}

/** The states and rules that a state reaches without a byte. */
function beginning(
  network: Ways,
  start: number,
  nullable: Uint8Array,
): { places: Set<number>; rules: Set<number> } {
  const places = new Set([start]);
  const rules = new Set<number>();
  for (const place of places) {
    const { empty, calls } = network.places[place];
    for (const to of empty) places.add(to);
    for (const { rule, to } of calls) {
      rules.add(rule);
      if (nullable[rule] === 1) places.add(to);
    }
  }
  return { places, rules };
}

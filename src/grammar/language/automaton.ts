/**
 * Texts that meet several conditions at once, such as a pattern and a length.
 *
 * @module
 */
import { type CodePoints, complement, intersection } from "./code_points.ts";
import {
  call,
  character,
  choice,
  EMPTY,
  type Expression,
  NEVER,
  type Rule,
  sequence,
} from "./expression.ts";

/** States that one automaton may have: beyond, a condition is refused for its size. */
const MOST_STATES = 20_000;

/** What reads a text character by character; its states are compared as keys of a map. */
export interface Automaton<State extends string | number = string | number> {
  /** The state of the empty text. */
  readonly start: State;
  /** The sets of characters that it tells apart; all others are alike. */
  readonly sets: readonly CodePoints[];
  /** The state behind a character. */
  next(state: State, point: number): State;
  /** Whether the text so far is one of its texts. */
  accepts(state: State): boolean;
}

/** The automaton of an expression. Its rules must not hold themselves. */
export function automaton(expression: Expression): Automaton<string> {
  const nodes: Array<{ empty: number[]; edges: Array<readonly [set: CodePoints, to: number]> }> =
    [];
  const node = () => {
    if (nodes.length >= MOST_STATES) {
      throw new RangeError(`it needs more than ${MOST_STATES} states`);
    }
    return nodes.push({ empty: [], edges: [] }) - 1;
  };
  const build = (part: Expression, from: number): number => {
    switch (part.kind) {
      case "character": {
        const to = node();
        nodes[from].edges.push([part.set, to]);
        return to;
      }
      case "sequence":
        return part.parts.reduce((at, one) => build(one, at), from);
      case "choice": {
        const to = node();
        for (const option of part.options) nodes[build(option, from)].empty.push(to);
        return to;
      }
      case "rule":
        return build(part.rule.body, from);
      case "repeat": {
        let at = from;
        for (let i = 0; i < part.min; i++) at = build(part.part, at);
        if (part.max === Infinity) {
          const loop = node();
          nodes[at].empty.push(loop);
          nodes[build(part.part, loop)].empty.push(loop);
          return loop;
        }
        const to = node();
        for (let i = part.min; i < part.max; i++) {
          nodes[at].empty.push(to);
          // A begin of its own, so that a loop in the part does not come back to this end.
          const begin = node();
          nodes[at].empty.push(begin);
          at = build(part.part, begin);
        }
        nodes[at].empty.push(to);
        return to;
      }
    }
  };
  const first = node();
  const last = build(expression, first);
  const sets = nodes.flatMap(({ edges }) => edges.map(([set]) => set));
  const states = new Map<string, readonly number[]>();
  const closed = (from: Iterable<number>): string => {
    const seen = new Set(from);
    for (const one of seen) for (const to of nodes[one].empty) seen.add(to);
    const all = [...seen].sort((a, b) => a - b);
    const key = all.join();
    states.set(key, all);
    return key;
  };
  return {
    start: closed([first]),
    sets,
    next(state, point) {
      const to: number[] = [];
      for (const one of states.get(state)!) {
        for (const [set, next] of nodes[one].edges) {
          if (set.some(([low, high]) => low <= point && point <= high)) to.push(next);
        }
      }
      return closed(to);
    },
    accepts: (state) => states.get(state)!.includes(last),
  };
}

/** The whole numbers, written in decimal with or without a sign, that `divisor` divides. */
export function multiples(divisor: number): Automaton<number> {
  const digits: CodePoints[] = Array.from({ length: 10 }, (_, digit) => [[48 + digit, 48 + digit]]);
  return {
    start: 0,
    sets: digits,
    next: (rest, point) => point >= 48 && point <= 57 ? (rest * 10 + point - 48) % divisor : rest,
    accepts: (rest) => rest === 0,
  };
}

/**
 * The texts for which `wanted` says yes, told which of the automata take them.
 *
 * @throws {RangeError} there are too many states
 */
export function combination(
  automata: readonly Automaton[],
  wanted: (taken: readonly boolean[]) => boolean,
): Expression {
  const kinds = partition(automata.flatMap(({ sets }) => sets));
  const rules = new Map<string, Rule>();
  const pending: Array<readonly [rule: Rule, states: ReadonlyArray<string | number>]> = [];
  const ruleOf = (states: ReadonlyArray<string | number>): Rule => {
    const key = states.join("|");
    let rule = rules.get(key);
    if (rule === undefined) {
      if (rules.size >= MOST_STATES) {
        throw new RangeError(`it needs more than ${MOST_STATES} states`);
      }
      rule = { name: "a text", body: NEVER, isState: true };
      rules.set(key, rule);
      pending.push([rule, states]);
    }
    return rule;
  };
  const first = ruleOf(automata.map(({ start }) => start));
  for (let one = pending.pop(); one !== undefined; one = pending.pop()) {
    const [rule, states] = one;
    const ways = new Map<Rule, CodePoints[]>();
    for (const kind of kinds) {
      const next = ruleOf(automata.map((each, i) => each.next(states[i], kind[0][0])));
      const sets = ways.get(next);
      if (sets === undefined) ways.set(next, [kind]);
      else sets.push(kind);
    }
    const options: Expression[] = [...ways].map(([next, sets]) =>
      sequence(character(sets.flat().sort(([a], [b]) => a - b)), call(next))
    );
    if (wanted(automata.map((each, i) => each.accepts(states[i])))) options.push(EMPTY);
    rule.body = choice(...options);
  }
  return withoutDeadEnds(first, rules.values());
}

/** The call of a rule, without the ways from which no text can end: a complement has many of these. */
function withoutDeadEnds(first: Rule, rules: Iterable<Rule>): Expression {
  const all = [...rules].map((rule) => ({
    rule,
    options: rule.body.kind === "choice" ? rule.body.options : [rule.body],
  }));
  const live = new Set<Rule>();
  const behind = (option: Expression): Rule | undefined => {
    const last = option.kind === "sequence" ? option.parts.at(-1) : undefined;
    return last?.kind === "rule" ? last.rule : undefined;
  };
  const before = new Map<Rule, Rule[]>();
  const stack: Rule[] = [];
  for (const { rule, options } of all) {
    for (const option of options) {
      const next = behind(option);
      if (next === undefined) stack.push(rule);
      else before.set(next, [...before.get(next) ?? [], rule]);
    }
  }
  for (let rule = stack.pop(); rule !== undefined; rule = stack.pop()) {
    if (live.has(rule)) continue;
    live.add(rule);
    stack.push(...before.get(rule) ?? []);
  }
  for (const { rule, options } of all) {
    rule.body = choice(
      ...options.filter((option) => {
        const next = behind(option);
        return next === undefined || live.has(next);
      }),
    );
  }
  return live.has(first) ? call(first) : NEVER;
}

/** Sets that do not overlap, of which each given set is a union; what is in none is a set too. */
function partition(sets: readonly CodePoints[]): CodePoints[] {
  let parts: CodePoints[] = [complement([])];
  for (const set of new Set(sets)) {
    const outside = complement(set);
    parts = parts.flatMap((part) =>
      [intersection(part, set), intersection(part, outside)].filter(({ length }) => length > 0)
    );
  }
  return parts;
}

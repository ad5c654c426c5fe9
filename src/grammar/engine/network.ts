/**
 * A grammar as a network of states over bytes: edges take a byte, or call a rule and go on where it ends.
 *
 * @module
 */
import type { CodePoints } from "../language/code_points.ts";
import type { Expression, Rule } from "../language/expression.ts";
import { utf8 } from "../language/utf8.ts";
import type { ByteEdge, Place, RuleStates } from "./places.ts";
import { refuseLeftRecursion, removeDeadEnds } from "./passable.ts";

/** States that a network may have: beyond, a grammar is refused for its size. */
const MOST_STATES = 400_000;

/** Copies of a part that follow one another, each of which takes a byte at least. */
interface Copies {
  /** The first state of the second copy. */
  readonly start: number;
  /** How many states a copy has. */
  readonly stride: number;
  /** Copies that there must be. */
  readonly min: number;
  /** Copies that there may be; those that there must be where any number may follow. */
  readonly max: number;
  /** Whether any number may follow. */
  readonly endless: boolean;
}

/** The network of a grammar; its rule 0 is the whole text. */
export class Network {
  /** The states. */
  readonly places: Place[] = [];
  /** The rules, the whole text first. */
  readonly rules: RuleStates[] = [];
  readonly #copies: Copies[] = [];
  readonly #numbers = new Map<Rule, number>();
  readonly #pending: Rule[] = [];
  /** The begins of automata's states, by where their texts end, and those that are not built yet. */
  readonly #automata = new Map<number, Map<Rule, number>>();
  readonly #states: Array<{ body: Expression; begin: number; to: number }> = [];
  readonly #characters = new Map<CodePoints, ReturnType<typeof utf8>>();

  /**
   * Builds the network of the texts of `root` that consist of `bytes` (256 of 0 and 1), without what no such text
   * can pass. Where each of these bytes is a token, there is always a next token, or the text can end.
   *
   * @throws {RangeError} it is too large, no text fits, or a rule begins with itself
   */
  constructor(root: Rule, bytes: Uint8Array) {
    this.#number(root);
    for (let rule = this.#pending.shift(); rule !== undefined; rule = this.#pending.shift()) {
      const { start, end } = this.rules[this.#numbers.get(rule)!];
      this.#build(rule.body, start, end);
      this.#buildStates();
    }
    for (const place of this.places) {
      place.bytes = place.bytes.flatMap((edge) => known(edge, bytes));
    }
    removeDeadEnds(this);
    refuseLeftRecursion(this);
  }

  #place(): number {
    if (this.places.length >= MOST_STATES) {
      throw new RangeError(`it is too large: it needs more than ${MOST_STATES} states`);
    }
    return this.places.push({ bytes: [], empty: [], calls: [] }) - 1;
  }

  #number(rule: Rule): number {
    let number = this.#numbers.get(rule);
    if (number === undefined) {
      number = this.rules.push({ name: rule.name, start: this.#place(), end: this.#place() }) - 1;
      this.#numbers.set(rule, number);
      this.#pending.push(rule);
    }
    return number;
  }

  /** Adds the ways through an expression from one state to another. */
  #build(expression: Expression, from: number, to: number): void {
    switch (expression.kind) {
      case "character":
        return this.#character(expression.set, from, to);
      case "choice":
        for (const option of expression.options) this.#build(option, from, to);
        return;
      case "rule": {
        const { rule } = expression;
        if (rule.isState) this.places[from].empty.push(this.#state(rule, to));
        else this.places[from].calls.push({ rule: this.#number(rule), to });
        return;
      }
      case "sequence": {
        const last = expression.parts.length - 1;
        if (last < 0) return void this.places[from].empty.push(to);
        let at = from;
        for (const part of expression.parts.slice(0, last)) {
          const next = this.#place();
          this.#build(part, at, next);
          at = next;
        }
        return this.#build(expression.parts[last], at, to);
      }
      case "repeat":
        return this.#repeat(expression, from, to);
    }
  }

  /** The state of the network that a state of an automaton is, where the automaton's texts end at `to`. */
  #state(rule: Rule, to: number): number {
    let begins = this.#automata.get(to);
    if (begins === undefined) this.#automata.set(to, begins = new Map());
    let begin = begins.get(rule);
    if (begin === undefined) {
      begins.set(rule, begin = this.#place());
      this.#states.push({ body: rule.body, begin, to });
    }
    return begin;
  }

  /** Builds the states that were asked for, one after the other: an automaton may have thousands. */
  #buildStates(): void {
    for (let one = this.#states.pop(); one !== undefined; one = this.#states.pop()) {
      this.#build(one.body, one.begin, one.to);
    }
  }

  #repeat(
    { part, min, max }: Extract<Expression, { kind: "repeat" }>,
    from: number,
    to: number,
  ): void {
    let at = from;
    const starts: number[] = [];
    const inner = this.#copies.length;
    const copy = () => {
      const next = this.#place();
      starts.push(next);
      this.#build(part, at, next);
      at = next;
    };
    for (let i = 0; i < min; i++) copy();
    const endless = max === Infinity;
    if (endless) {
      // A state of its own, so that what comes back does not meet what begins here.
      const loop = this.#place();
      this.places[at].empty.push(loop);
      this.#build(part, loop, loop);
      at = loop;
    }
    this.places[at].empty.push(to);
    for (let i = min; i < max && !endless; i++) {
      copy();
      this.places[at].empty.push(to);
    }
    // Copies in copies are not counted: a state is in one of them only.
    const [, start, third] = starts;
    if (third === undefined || this.#copies.length > inner || takesNothing(part)) return;
    const stride = third - start;
    this.#copies.push({ start, stride, min, max: starts.length, endless });
  }

  /**
   * The state that stands for each state, i32 [states], where only texts of up to `most` bytes follow: of copies that
   * such a text leaves neither at their end nor for good, one does what the others do.
   */
  alike(most: number): Int32Array {
    const alike = Int32Array.from(this.places, (_, place) => place);
    for (const { start, stride, min, max, endless } of this.#copies) {
      const join = (first: number, last: number) => {
        for (let copy = first + 1; copy <= last; copy++) {
          for (let i = 0; i < stride; i++) {
            alike[start + (copy - 2) * stride + i] = start + (first - 2) * stride + i;
          }
        }
      };
      join(2, min - most - 1);
      if (!endless) join(Math.max(2, min), max - most - 1);
    }
    return alike;
  }

  #character(set: CodePoints, from: number, to: number): void {
    let runs = this.#characters.get(set);
    if (runs === undefined) this.#characters.set(set, runs = utf8(set));
    // What ends alike shares its states.
    const shared = new Map<string, number>();
    for (const bytes of runs) {
      let at = to;
      let name = "";
      for (let i = bytes.length - 1; i > 0; i--) {
        const [first, last] = bytes[i];
        name += `${first}-${last},`;
        let before = shared.get(name);
        if (before === undefined) {
          before = this.#place();
          this.places[before].bytes.push({ first, last, to: at });
          shared.set(name, before);
        }
        at = before;
      }
      const [first, last] = bytes[0];
      this.places[from].bytes.push({ first, last, to: at });
    }
  }
}

/** The parts of an edge whose bytes are there. */
function known(edge: ByteEdge, bytes: Uint8Array): ByteEdge[] {
  const out: ByteEdge[] = [];
  for (let byte = edge.first; byte <= edge.last; byte++) {
    if (bytes[byte] === 0) continue;
    const first = byte;
    while (byte < edge.last && bytes[byte + 1] === 1) byte++;
    out.push({ first, last: byte, to: edge.to });
  }
  return out;
}

/** Whether the empty text is one of an expression; where a rule decides, it might be. */
function takesNothing(expression: Expression): boolean {
  switch (expression.kind) {
    case "character":
      return false;
    case "sequence":
      return expression.parts.every(takesNothing);
    case "choice":
      return expression.options.some(takesNothing);
    case "repeat":
      return expression.min === 0 || takesNothing(expression.part);
    case "rule":
      return true;
  }
}

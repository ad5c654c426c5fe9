/**
 * Regular expressions of JavaScript (with the flag `u`) as expressions of this folder.
 *
 * @module
 */
import {
  ALL,
  charactersOf,
  type CodePoints,
  codePoints,
  complement,
} from "../language/code_points.ts";
import {
  character,
  choice,
  EMPTY,
  type Expression,
  repeat,
  sequence,
} from "../language/expression.ts";

const DIGIT: CodePoints = [[0x30, 0x39]];
const WORD: CodePoints = [[0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const SPACE = codePoints([
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
]);
const NO_LINE_BREAK = complement([[0x0a, 0x0a], [0x0d, 0x0d], [0x2028, 0x2029]]);

/** Escapes that stand for a set. */
const SETS: Readonly<Record<string, CodePoints>> = {
  d: DIGIT,
  D: complement(DIGIT),
  w: WORD,
  W: complement(WORD),
  s: SPACE,
  S: complement(SPACE),
};

/** Escapes that stand for a control character. */
const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, 0: 0 };

/** Any text. */
export const ANY_TEXT: Expression = repeat(character(ALL), 0, Infinity);

/** What is parsed: an expression, in which there may be anchors. */
type Node =
  | { readonly kind: "anchor"; readonly sign: "^" | "$"; readonly at: number }
  | { readonly kind: "sequence"; readonly parts: readonly Node[] }
  | { readonly kind: "choice"; readonly options: readonly Node[] }
  | { readonly kind: "repeat"; readonly part: Node; readonly min: number; readonly max: number }
  | Extract<Expression, { kind: "character" }>;

/** A regular expression has a part that is not read here, or is none. */
export class RegexError extends Error {
  /** Makes an error at a character of the expression, given from 0 in UTF-16 units. */
  constructor(source: string, at: number, found: string) {
    super(`${found} at character ${at + 1} of ${JSON.stringify(source)}`);
  }
}

/**
 * The texts in which a regular expression finds something.
 *
 * @throws {RegexError} it is none, or has a part that is not read
 */
export function searched(source: string): Expression {
  const node = new Parser(source).parse();
  return placed(source, node, "open", "open");
}

/**
 * The texts that a regular expression matches from begin to end.
 *
 * @throws {RegexError} it is none, or has a part that is not read
 */
export function matched(source: string): Expression {
  const node = new Parser(source).parse();
  return placed(source, node, "edge", "edge");
}

/**
 * What is beside a part: any text, which the expression does not say (`open`), the end of the text (`edge`), or
 * another part (`inside`).
 */
type Side = "open" | "edge" | "inside";

/** The texts of a node, with what is open beside it. */
function placed(source: string, node: Node, before: Side, behind: Side): Expression {
  switch (node.kind) {
    case "choice":
      return choice(...node.options.map((option) => placed(source, option, before, behind)));
    case "sequence": {
      let { parts } = node;
      while (parts.length > 0 && before !== "inside" && isAnchor(parts[0], "^")) {
        parts = parts.slice(1);
        before = "edge";
      }
      while (parts.length > 0 && behind !== "inside" && isAnchor(parts[parts.length - 1], "$")) {
        parts = parts.slice(0, -1);
        behind = "edge";
      }
      if (parts.length === 0) return opened(EMPTY, before, behind);
      const last = parts.length - 1;
      return sequence(
        ...parts.map((part, i) =>
          placed(source, part, i === 0 ? before : "inside", i === last ? behind : "inside")
        ),
      );
    }
    case "anchor":
      throw new RegexError(source, node.at, `there is a "${node.sign}" between other parts`);
    case "repeat": {
      const part = placed(source, node.part, "inside", "inside");
      return opened(repeat(part, node.min, node.max), before, behind);
    }
    case "character":
      return opened(node, before, behind);
  }
}

function isAnchor(node: Node, sign: "^" | "$"): boolean {
  return node.kind === "anchor" && node.sign === sign;
}

function opened(expression: Expression, before: Side, behind: Side): Expression {
  const parts = [expression];
  if (before === "open") parts.unshift(ANY_TEXT);
  if (behind === "open") parts.push(ANY_TEXT);
  return sequence(...parts);
}

class Parser {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
    try {
      new RegExp(source, "u");
    } catch (error) {
      const reason = (error as Error).message.replace(/^.*\/: ?/s, "");
      throw new RegexError(source, 0, `JavaScript finds "${reason}" in what begins`);
    }
  }

  parse(): Node {
    const node = this.#choice();
    if (this.#at < this.#source.length) this.#fail("a parenthesis that was not opened");
    return node;
  }

  #fail(what: string, at = this.#at): never {
    throw new RegexError(this.#source, at, `there is ${what}`);
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found !== null) this.#at = pattern.lastIndex;
    return found;
  }

  #point(): number {
    const point = this.#source.codePointAt(this.#at)!;
    this.#at += point > 0xffff ? 2 : 1;
    return point;
  }

  #choice(): Node {
    const options = [this.#sequence()];
    while (this.#take("|")) options.push(this.#sequence());
    return options.length === 1 ? options[0] : { kind: "choice", options };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    while (this.#at < this.#source.length && !/[|)]/.test(this.#source[this.#at])) {
      parts.push(this.#quantified());
    }
    // A sequence even of one, so that anchors are always in one.
    return { kind: "sequence", parts };
  }

  #quantified(): Node {
    const part = this.#part();
    const found = this.#match(/([*+?]|\{(\d+)(,(\d*))?\})\??/uy);
    if (found === null) return part;
    const [, sign, low, more, high] = found;
    const min = low !== undefined ? Number(low) : sign === "+" ? 1 : 0;
    const max = low !== undefined
      ? more === undefined ? min : high === "" ? Infinity : Number(high)
      : sign === "?"
      ? 1
      : Infinity;
    return { kind: "repeat", part, min, max };
  }

  #part(): Node {
    const at = this.#at;
    if (this.#take("^")) return { kind: "anchor", sign: "^", at };
    if (this.#take("$")) return { kind: "anchor", sign: "$", at };
    if (this.#take(".")) return { kind: "character", set: NO_LINE_BREAK };
    if (this.#take("[")) return { kind: "character", set: this.#class() };
    if (this.#take("\\")) return { kind: "character", set: this.#escape(at) };
    if (this.#take("(")) {
      if (this.#take("?") && !this.#take(":") && this.#match(/<[^=!>][^>]*>/y) === null) {
        this.#fail("a group with a look ahead, a look behind or flags", at);
      }
      const node = this.#choice();
      if (!this.#take(")")) this.#fail("a group without an end", at);
      return node;
    }
    return { kind: "character", set: one(this.#point()) };
  }

  #class(): CodePoints {
    const inverted = this.#take("^");
    const runs: Array<readonly [number, number]> = [];
    while (!this.#take("]")) {
      const first = this.#member();
      if (this.#source[this.#at] === "-" && this.#source[this.#at + 1] !== "]") {
        this.#at++;
        const last = this.#member();
        runs.push([first[0][0], last[0][0]]);
      } else {
        runs.push(...first);
      }
    }
    const set = codePoints(runs);
    return inverted ? complement(set) : set;
  }

  #member(): CodePoints {
    const at = this.#at;
    if (!this.#take("\\")) return one(this.#point());
    if (this.#take("b")) return one(8);
    if (this.#take("-")) return one(0x2d);
    return this.#escape(at);
  }

  /** The set of what follows a backslash. */
  #escape(at: number): CodePoints {
    const property = this.#match(/[pP]\{[^}]*\}/uy);
    if (property !== null) return withProperty(`\\${property[0]}`);
    const code = this.#match(
      /u\{([0-9a-fA-F]+)\}|u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|u([0-9a-f]{4})|x([0-9a-f]{2})/iy,
    );
    if (code !== null) {
      const [, braced, high, low, four, two] = code;
      if (high === undefined) return one(parseInt(braced ?? four ?? two, 16));
      return one(0x10000 + (parseInt(high, 16) - 0xd800) * 0x400 + parseInt(low, 16) - 0xdc00);
    }
    const control = this.#match(/c([a-zA-Z])/y);
    if (control !== null) return one(control[1].charCodeAt(0) % 32);
    const letter = this.#source[this.#at];
    if (/[1-9k]/.test(letter)) this.#fail("a reference to a group", at);
    if (/[bB]/.test(letter)) this.#fail(`"\\${letter}"`, at);
    this.#at++;
    if (letter in SETS) return SETS[letter];
    return letter in CONTROLS ? one(CONTROLS[letter]) : charactersOf(letter);
  }
}

function one(point: number): CodePoints {
  return codePoints([[point, point]]);
}

const PROPERTIES = new Map<string, CodePoints>();

/** The characters of a class of Unicode, as this JavaScript knows it. */
function withProperty(escape: string): CodePoints {
  let set = PROPERTIES.get(escape);
  if (set === undefined) {
    const pattern = new RegExp(`^${escape}$`, "u");
    const runs: Array<[number, number]> = [];
    for (const [first, last] of ALL) {
      for (let point = first; point <= last; point++) {
        if (!pattern.test(String.fromCodePoint(point))) continue;
        const run = runs.at(-1);
        if (run !== undefined && run[1] === point - 1) run[1] = point;
        else runs.push([point, point]);
      }
    }
    PROPERTIES.set(escape, set = codePoints(runs));
  }
  return set;
}

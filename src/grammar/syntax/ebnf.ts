/**
 * Grammars in EBNF, as other programs for language models read it: `root ::= "yes" | "no" [.!]?`.
 *
 * @module
 */
import { ALL, type CodePoints, codePoints, complement } from "../language/code_points.ts";
import {
  call,
  character,
  choice,
  type Expression,
  literal,
  NEVER,
  repeat,
  type Rule,
  sequence,
} from "../language/expression.ts";

const NAME = /[A-Za-z_][A-Za-z0-9_-]*/y;
const SPACE = /(?:[ \t\r\n]|#[^\n]*)*/y;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/** The rule that is the whole text. */
const ROOT = "root";

/** A grammar is malformed. */
export class EbnfError extends Error {
  /** Makes an error at a place of a grammar. */
  constructor(source: string, at: number, message: string) {
    const lines = source.slice(0, at).split("\n");
    super(`${message}, in line ${lines.length}, column ${lines[lines.length - 1].length + 1}`);
  }
}

/**
 * The rule `root` of a grammar.
 *
 * @throws {EbnfError} it is malformed, or names a rule that is not there
 */
export function ebnf(source: string): Rule {
  return new Parser(source).parse();
}

class Parser {
  readonly #source: string;
  readonly #rules = new Map<string, Rule>();
  readonly #defined = new Set<string>();
  /** Where each rule is first named. */
  readonly #named = new Map<string, number>();
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): Rule {
    this.#match(SPACE);
    while (this.#at < this.#source.length) this.#rule();
    if (!this.#defined.has(ROOT)) {
      this.#fail(`there is no rule "${ROOT}", expected ${ROOT} ::= ...`);
    }
    for (const [name, at] of this.#named) {
      if (!this.#defined.has(name)) this.#fail(`there is no rule "${name}"`, at);
    }
    return this.#rules.get(ROOT)!;
  }

  #fail(message: string, at = this.#at): never {
    throw new EbnfError(this.#source, at, message);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  /** Takes a sign and the space behind it. */
  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    this.#match(SPACE);
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) this.#fail(`there is ${this.#here()}, expected ${JSON.stringify(text)}`);
  }

  #here(): string {
    const [sign] = this.#source.slice(this.#at, this.#at + 2);
    return sign === undefined ? "the end" : JSON.stringify(sign);
  }

  #ruleOf(name: string, at: number): Rule {
    if (!this.#named.has(name)) this.#named.set(name, at);
    let rule = this.#rules.get(name);
    if (rule === undefined) this.#rules.set(name, rule = { name, body: NEVER });
    return rule;
  }

  #rule(): void {
    const at = this.#at;
    const name = this.#match(NAME);
    if (name === undefined) this.#fail(`there is ${this.#here()}, expected the name of a rule`);
    this.#match(SPACE);
    this.#expect("::=");
    if (this.#defined.has(name)) this.#fail(`the rule "${name}" is there twice`, at);
    this.#defined.add(name);
    this.#ruleOf(name, at).body = this.#choice();
    if (this.#at < this.#source.length && !this.#beginsRule()) {
      this.#fail(`there is ${this.#here()}, expected a rule or a part of one`);
    }
  }

  #beginsRule(): boolean {
    const at = this.#at;
    const found = this.#match(NAME) !== undefined && this.#match(SPACE) !== undefined &&
      this.#source.startsWith("::=", this.#at);
    this.#at = at;
    return found;
  }

  #choice(): Expression {
    const options = [this.#sequence()];
    while (this.#take("|")) options.push(this.#sequence());
    return choice(...options);
  }

  #sequence(): Expression {
    const parts: Expression[] = [];
    while (this.#at < this.#source.length && !/[|)]/.test(this.#source[this.#at])) {
      if (this.#beginsRule()) break;
      let part = this.#part();
      for (let times = this.#times(); times !== undefined; times = this.#times()) {
        part = repeat(part, ...times);
      }
      parts.push(part);
    }
    return sequence(...parts);
  }

  #times(): [min: number, max: number] | undefined {
    if (this.#take("*")) return [0, Infinity];
    if (this.#take("+")) return [1, Infinity];
    if (this.#take("?")) return [0, 1];
    const at = this.#at;
    if (!this.#take("{")) return undefined;
    const found = /^(\d+)\s*(,\s*(\d*)\s*)?\}/.exec(this.#source.slice(this.#at));
    if (found === null) this.#fail("there is no count in braces, such as {2}, {2,} or {2,5}", at);
    this.#at += found[0].length;
    this.#match(SPACE);
    const min = Number(found[1]);
    const max = found[2] === undefined ? min : found[3] === "" ? Infinity : Number(found[3]);
    if (max < min) this.#fail(`the count ${found[0].slice(0, -1)} ends before it begins`, at);
    return [min, max];
  }

  #part(): Expression {
    const at = this.#at;
    const name = this.#match(NAME);
    if (name !== undefined) {
      this.#match(SPACE);
      return call(this.#ruleOf(name, at));
    }
    if (this.#take("(")) {
      const inner = this.#choice();
      this.#expect(")");
      return inner;
    }
    const sign = this.#source[this.#at];
    let part: Expression;
    if (sign === '"' || sign === "'") part = literal(this.#text(sign));
    else if (sign === "[") part = character(this.#class());
    else if (sign === ".") {
      this.#at++;
      part = character(ALL);
    } else this.#fail(`there is ${this.#here()}, expected a part of a rule`);
    this.#match(SPACE);
    return part;
  }

  #text(quote: string): string {
    const at = this.#at++;
    let text = "";
    while (this.#source[this.#at] !== quote) {
      if (this.#at >= this.#source.length || this.#source[this.#at] === "\n") {
        this.#fail(`a text has no ${quote} at its end`, at);
      }
      text += this.#character();
    }
    this.#at++;
    return text;
  }

  #class(): CodePoints {
    const at = this.#at++;
    const inverted = this.#source[this.#at] === "^";
    if (inverted) this.#at++;
    const runs: Array<readonly [number, number]> = [];
    const point = () => {
      if (this.#at >= this.#source.length || this.#source[this.#at] === "\n") {
        this.#fail("a class of characters has no ] at its end", at);
      }
      return this.#character().codePointAt(0)!;
    };
    while (this.#source[this.#at] !== "]") {
      const first = point();
      let last = first;
      if (this.#source[this.#at] === "-" && this.#source[this.#at + 1] !== "]") {
        this.#at++;
        last = point();
        if (last < first) this.#fail("a run of characters ends before it begins");
      }
      runs.push([first, last]);
    }
    this.#at++;
    const set = codePoints(runs);
    return inverted ? complement(set) : set;
  }

  /** The next character of a text or class, escaped or not. */
  #character(): string {
    const at = this.#at;
    const found = this.#match(/\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})/y);
    if (found !== undefined) {
      const point = parseInt(found.slice(2), 16);
      if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
        this.#fail(`${found} is no character`, at);
      }
      return String.fromCodePoint(point);
    }
    if (this.#source[this.#at] === "\\") {
      const letter = this.#source[this.#at + 1] ?? "";
      if (!(letter in ESCAPES) && !/[\\"'\[\]^-]/.test(letter)) {
        this.#fail(
          `there is \\${letter}, expected \\n \\r \\t \\" \\' \\\\ \\[ \\] \\^ \\- \\xHH \\uHHHH or \\UHHHHHHHH`,
        );
      }
      this.#at += 2;
      return ESCAPES[letter] ?? letter;
    }
    const point = this.#source.codePointAt(this.#at)!;
    this.#at += point > 0xffff ? 2 : 1;
    return String.fromCodePoint(point);
  }
}

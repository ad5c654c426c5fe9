/**
 * A template's source as tokens, by the rules of Jinja2 with `trim_blocks` and `lstrip_blocks`.
 *
 * @module
 */

import { SPACES, strip } from "../values/characters.ts";
import { SyntaxFault } from "../values/errors.ts";
import { stringLiteral } from "./string_literal.ts";

/** A token. Operators and the signs around tags are their own type. */
export interface Token {
  /** `data`, `name`, `string`, `integer`, `float`, `{{`, `}}`, `{%`, `%}`, an operator, or `end`. */
  readonly type: string;
  /** Its text; of a string what it stands for. */
  readonly text: string;
  /** Its line, from 1. */
  readonly line: number;
}

const space = `[${SPACES}]`;
const OPEN = /\{\{|\{%|\{#/g;
const RAW = new RegExp(`\\{%([-+]?)${space}*raw${space}*(?:-%\\}${space}*|%\\})`, "y");
const END_RAW = new RegExp(
  `\\{%([-+]?)${space}*endraw${space}*(?:\\+%\\}|-%\\}${space}*|%\\}\\n?)`,
  "g",
);
const END_COMMENT = new RegExp(`\\+#\\}|-#\\}${space}*|#\\}\\n?`, "g");
const END_BLOCK = new RegExp(`\\+%\\}|-%\\}${space}*|%\\}\\n?`, "y");
const END_PRINT = new RegExp(`-\\}\\}${space}*|\\}\\}`, "y");
const BLANK = new RegExp(`^${space}+$`);

/** What stands inside tags, in the order in which it is tried. */
const INSIDE: ReadonlyArray<readonly [type: string, pattern: RegExp]> = [
  ["space", new RegExp(`${space}+`, "y")],
  [
    "float",
    /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[-+]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy,
  ],
  ["integer", /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy],
  // Joiners and middle dots became parts of names in a later Unicode than Python's.
  ["name", /[\p{XID_Start}_](?:(?![\u200c\u200d\u30fb\uff65])\p{XID_Continue})*/uy],
  ["string", /'[^'\\]*(?:\\[^][^'\\]*)*'|"[^"\\]*(?:\\[^][^"\\]*)*"/y],
  ["operator", /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,;]/y],
];

const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

class Lexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #line = 1;
  #counted = 0;
  /** Whether a line begins at `#at`. */
  #fresh = true;

  constructor(source: string) {
    this.#source = source;
  }

  /** The line of a place; places are asked for in order. */
  #lineAt(at: number): number {
    for (; this.#counted < at; this.#counted++) {
      if (this.#source[this.#counted] === "\n") this.#line++;
    }
    return this.#line;
  }

  #push(type: string, text: string, at: number): void {
    this.#tokens.push({ type, text, line: this.#lineAt(at) });
  }

  /** Goes on to a place. */
  #move(to: number): void {
    this.#fresh = this.#source[to - 1] === "\n";
    this.#at = to;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#source);
  }

  /** Text before a tag, without the spaces that the tag takes with it. */
  #data(end: number, sign: string, block: boolean): void {
    let text = this.#source.slice(this.#at, end);
    if (sign === "-") text = strip(text, null, false, true);
    else if (sign === "" && block) {
      const line = text.lastIndexOf("\n") + 1;
      if ((line > 0 || this.#fresh) && BLANK.test(text.slice(line))) text = text.slice(0, line);
    }
    if (text !== "") this.#push("data", text, this.#at);
  }

  tokens(): readonly Token[] {
    const source = this.#source;
    for (;;) {
      const open = this.#match(OPEN);
      if (open === null) break;
      const start = open.index;
      RAW.lastIndex = start;
      const raw = RAW.exec(source);
      const sign = raw ? raw[1] : /[-+]?/.exec(source.slice(start + 2, start + 3))![0];
      this.#data(start, sign, open[0] !== "{{");
      this.#move(raw ? start + raw[0].length : start + 2 + sign.length);
      if (raw) this.#raw();
      else if (open[0] === "{#") this.#comment();
      else {
        this.#push(open[0], open[0], start);
        this.#tag(open[0]);
      }
    }
    if (this.#at < source.length) this.#push("data", source.slice(this.#at), this.#at);
    this.#push("end", "", source.length);
    return this.#tokens;
  }

  #raw(): void {
    const end = this.#match(END_RAW);
    if (end) {
      this.#data(end.index, end[1], true);
      this.#move(end.index + end[0].length);
    } else this.#unclosed("raw");
  }

  #comment(): void {
    const end = this.#match(END_COMMENT);
    if (end) this.#move(end.index + end[0].length);
    else this.#unclosed("comment");
  }

  /** Something is open at the end of the source, which may only be where nothing follows. */
  #unclosed(what: string): void {
    if (this.#at < this.#source.length) {
      throw new SyntaxFault(`a ${what} is not closed`, this.#lineAt(this.#at));
    }
  }

  #tag(open: string): void {
    const [close, pattern] = open === "{{" ? ["}}", END_PRINT] : ["%}", END_BLOCK];
    const expected: string[] = [];
    while (this.#at < this.#source.length) {
      const end = expected.length === 0 ? this.#match(pattern) : null;
      if (end) {
        this.#push(close, close, this.#at);
        this.#move(this.#at + end[0].length);
        return;
      }
      this.#inside(expected);
    }
  }

  #inside(expected: string[]): void {
    const at = this.#at;
    for (const [type, pattern] of INSIDE) {
      const text = this.#match(pattern)?.[0];
      if (text === undefined) continue;
      if (type === "operator") this.#balance(text, expected);
      if (type === "string") {
        this.#push(type, stringLiteral(text.slice(1, -1), this.#lineAt(at)), at);
      } else if (type !== "space") this.#push(type === "operator" ? text : type, text, at);
      this.#move(at + text.length);
      return;
    }
    const [sign] = this.#source.slice(at);
    throw new SyntaxFault(`"${sign}" is not expected`, this.#lineAt(at));
  }

  #balance(sign: string, expected: string[]): void {
    if (sign in CLOSING) expected.push(CLOSING[sign]);
    else if (")]}".includes(sign) && expected.pop() !== sign) {
      throw new SyntaxFault(`"${sign}" closes what is not open`, this.#lineAt(this.#at));
    }
  }
}

/** The tokens of a source, an `end` last. Throws `SyntaxFault`. */
export function tokenize(source: string): readonly Token[] {
  // All line ends count as one, and one at the end of a file is no part of the template.
  return new Lexer(source.replace(/\r\n?/g, "\n").replace(/\n$/, "")).tokens();
}

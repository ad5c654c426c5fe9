/**
 * JSON as Python reads it: ints and floats told apart, of any size, and keys in their order.
 *
 * @module
 */

import { ArgumentError } from "../../../base/errors.ts";
import { checkArgument, required, TEXT } from "../../../base/options.ts";
import { Float, type TemplateValue } from "./import_value.ts";

const TOKEN =
  /[ \t\n\r]*(?:([{}[\],:])|("(?:[^"\\]|\\[^])*")|(-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?(?![\w.]))|(-?[A-Za-z]+)|($))/y;
const WORDS: ReadonlyMap<string, TemplateValue> = new Map<string, TemplateValue>([
  ["null", null],
  ["true", true],
  ["false", false],
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);
/** As deep as values may be nested. */
const MAX_DEPTH = 500;

type Token = { readonly sign: string } | { readonly value: TemplateValue };

class Reader {
  readonly #text: string;
  #token: Token = { sign: "" };

  constructor(text: string) {
    this.#text = text;
    TOKEN.lastIndex = 0;
    this.#next();
  }

  #fail(message: string): never {
    const line = this.#text.slice(0, TOKEN.lastIndex).split("\n").length;
    throw new ArgumentError("text", `Cannot read JSON: ${message} on line ${line}`);
  }

  #next(): void {
    const match = TOKEN.exec(this.#text);
    if (match === null) this.#fail("unexpected text");
    const [, sign, string, number, fraction, exponent, word] = match;
    if (sign !== undefined) this.#token = { sign };
    else if (string !== undefined) this.#token = { value: this.#string(string) };
    else if (number !== undefined) {
      const float = fraction !== undefined || exponent !== undefined;
      this.#token = { value: float ? new Float(Number(number)) : BigInt(number) };
    } else if (word !== undefined) {
      if (!WORDS.has(word)) this.#fail(`"${word}"`);
      this.#token = { value: WORDS.get(word) };
    } else this.#token = { sign: "end" };
  }

  #string(literal: string): string {
    try {
      return JSON.parse(literal);
    } catch {
      return this.#fail("a string has a control character or an unknown escape");
    }
  }

  #take(): Token {
    const token = this.#token;
    this.#next();
    return token;
  }

  #is(sign: string): boolean {
    return "sign" in this.#token && this.#token.sign === sign;
  }

  #skip(sign: string): boolean {
    const found = this.#is(sign);
    if (found) this.#next();
    return found;
  }

  #items(close: string, item: () => void): void {
    if (this.#skip(close)) return;
    do item(); while (this.#skip(","));
    if (!this.#skip(close)) this.#fail(`expected "${close}"`);
  }

  value(depth = 0): TemplateValue {
    if (depth > MAX_DEPTH) this.#fail(`values are nested deeper than ${MAX_DEPTH}`);
    const token = this.#take();
    if ("value" in token) return token.value;
    if (token.sign === "[") {
      const items: TemplateValue[] = [];
      this.#items("]", () => items.push(this.value(depth + 1)));
      return items;
    }
    if (token.sign !== "{") this.#fail(`"${token.sign}"`);
    const object = new Map<string, TemplateValue>();
    this.#items("}", () => {
      const key = this.#take();
      if (!("value" in key) || typeof key.value !== "string") this.#fail("expected a key");
      if (!this.#skip(":")) this.#fail('expected ":"');
      object.set(key.value, this.value(depth + 1));
    });
    return object;
  }

  end(): void {
    if (!this.#is("end")) this.#fail("unexpected text after the value");
  }
}

/**
 * The value of a JSON text, for templates: as Python reads it, so 1.0 is not 1, large ints stay whole, and the
 * keys of objects (which become maps) keep their order. `JSON.parse` loses all three.
 *
 * @throws {ArgumentError} `text` is no text, or no JSON
 */
export function parseJson(text: string): TemplateValue {
  checkArgument("read JSON", "text", text, required(TEXT));
  const reader = new Reader(text);
  const value = reader.value();
  reader.end();
  return value;
}

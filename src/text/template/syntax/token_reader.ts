/**
 * Tokens, taken one after the other.
 *
 * @module
 */

import { SyntaxFault } from "../values/errors.ts";
import type { Token } from "./lexer.ts";

/** As deep as expressions and statements may be nested. */
const MAX_DEPTH = 100;

/** Reads tokens. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  /** Begins at the first token. */
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** The token that comes next. */
  protected get token(): Token {
    return this.#tokens[this.#at];
  }

  /** Takes the next token; the last one stays. */
  protected take(): Token {
    const token = this.token;
    if (this.#at < this.#tokens.length - 1) this.#at++;
    return token;
  }

  /** The token after the next. */
  protected get ahead(): Token {
    return this.#tokens[Math.min(this.#at + 1, this.#tokens.length - 1)];
  }

  /** Whether the next token is of a type, or is a name that is a word. */
  protected is(type: string, word?: string): boolean {
    return this.token.type === type && (word === undefined || this.token.text === word);
  }

  /** Whether the next two tokens are these words. */
  protected areWords(first: string, second: string): boolean {
    const next = this.ahead;
    return this.is("name", first) && next.type === "name" && next.text === second;
  }

  /** Takes the next token if it is one. */
  protected skip(type: string, word?: string): boolean {
    const found = this.is(type, word);
    if (found) this.take();
    return found;
  }

  /** Takes a token that must be there. */
  protected expect(type: string, word?: string): Token {
    if (!this.is(type, word)) this.fail(`expected ${word ?? type}, found ${this.found()}`);
    return this.take();
  }

  /** The next token, in words. */
  protected found(): string {
    const { type, text } = this.token;
    if (type === "end") return "the end";
    return type === text ? `"${type}"` : `${type} "${text.slice(0, 40)}"`;
  }

  /** Throws about the next token's line, or another. */
  protected fail(message: string, line = this.token.line): never {
    throw new SyntaxFault(message, line);
  }

  /** Runs `parse` one level deeper. */
  protected deeper<T>(parse: () => T): T {
    if (this.#depth >= MAX_DEPTH) this.fail(`nested deeper than ${MAX_DEPTH}`);
    this.#depth++;
    try {
      return parse();
    } finally {
      this.#depth--;
    }
  }
}

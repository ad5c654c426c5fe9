/**
 * The text and the tokens of one generation as they come: where they end, and what is held back until then.
 *
 * @module
 */
import { StreamingDetokenizer } from "../text/detokenizer.ts";
import { StopMatcher } from "../text/stop.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { FinishReason } from "./generation.ts";

/** What ends an output, and what it follows. */
export interface OutputLimits {
  /** The tokens before it. */
  readonly after: readonly number[];
  /** Tokens that end it and have no text. */
  readonly stopTokens: ReadonlySet<number>;
  /** Strings that end it and are no part of its text. */
  readonly stop: readonly string[];
  /** Most tokens. */
  readonly tokens: number;
  /** Why it ends at that many. */
  readonly reason: FinishReason;
}

/** The output of one generation. */
export class Output {
  /** The text so far; what may be the beginning of a stop string or of a character comes later. */
  text = "";
  /** Tokens taken. */
  count = 0;
  /** Why no more tokens are taken; undefined until then. */
  reason?: FinishReason;
  readonly #limits: OutputLimits;
  readonly #detokenizer: StreamingDetokenizer;
  readonly #matcher: StopMatcher;
  readonly #tokens: number[] = [];
  /**
   * Length of the text that the tokens up to each one have, with what is held back for a stop string. Bytes that are
   * no character are known as such with the next token, and count as its text.
   */
  readonly #ends: number[] = [];
  #decoded = 0;
  #cut = false;

  /** An empty output. Throws an `ArgumentError` for a stop string that is empty. */
  constructor(tokenizer: Tokenizer, limits: OutputLimits) {
    this.#limits = limits;
    this.#detokenizer = new StreamingDetokenizer(tokenizer, { after: limits.after });
    this.#matcher = new StopMatcher(limits.stop);
  }

  /** Ends it before it has begun: there is no text. */
  stop(): void {
    this.reason = "stop";
  }

  /** Takes a token, which is the `last` where no other can come; gives the text that became certain. */
  push(token: number, last = false): string {
    this.count++;
    if (this.#limits.stopTokens.has(token)) {
      this.reason = "stop";
      const piece = this.end();
      this.#add(token);
      return piece;
    }
    this.#add(token);
    const piece = this.#take(this.#detokenizer.push([token]));
    if (this.reason !== undefined || (!last && this.count < this.#limits.tokens)) return piece;
    this.reason = last ? "stop" : this.#limits.reason;
    return piece + this.end();
  }

  /** No more tokens come: gives what was held back, which is text up to a stop string in it. */
  end(): string {
    const piece = this.#take(this.#detokenizer.flush());
    if (this.#cut) return piece;
    const held = this.#matcher.flush();
    this.text += held;
    return piece + held;
  }

  /** All tokens; where a stop string ended the text, the fewest that have all of it. */
  tokens(): readonly number[] {
    if (!this.#cut) return this.#tokens;
    const covering = this.text === "" ? -1 : this.#ends.findIndex((end) => end >= this.text.length);
    return this.#tokens.slice(0, covering + 1);
  }

  #add(token: number): void {
    this.#tokens.push(token);
    this.#ends.push(this.#decoded);
  }

  /** Takes text that the tokens so far have; gives what is certain. */
  #take(decoded: string): string {
    this.#decoded += decoded.length;
    if (this.#ends.length > 0) this.#ends[this.#ends.length - 1] = this.#decoded;
    const { text, stopped } = this.#matcher.push(decoded);
    this.text += text;
    if (stopped) {
      this.#cut = true;
      this.reason = "stop";
    }
    return text;
  }
}

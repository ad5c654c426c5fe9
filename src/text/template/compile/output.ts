/**
 * The text that a template writes.
 *
 * @module
 */

import { grow, spend } from "../values/budget.ts";

/** Collects text. */
export class Output {
  readonly #parts: string[] = [];
  #size = 0;

  /** Adds text at the end. */
  write(text: string): void {
    this.#size += text.length;
    // All of it counts against the limit, and only what is new as work.
    if (this.#size > text.length * 2) spend(text.length);
    else grow(this.#size);
    this.#parts.push(text);
  }

  /** All of it. */
  text(): string {
    grow(this.#size);
    return this.#parts.join("");
  }
}

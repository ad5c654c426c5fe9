/**
 * What drafters have not read, as others proposed it: the price of their turn.
 *
 * @module
 */
import type { CostTable } from "./costs.ts";
import type { Setting } from "./setting.ts";

/** Counts tokens that each kind of drafter has not proposed itself. */
export class Missed {
  /** Tokens made, of all texts; and how many when this text began: all drafters read its prompt. */
  #tokens = 0;
  #begun = 0;
  /** Tokens made when each kind of setting was last used. */
  readonly #used = new Map<Setting["kind"], number>();

  /** Tokens made, of all texts. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Another text begins. */
  begin(): void {
    this.#begun = this.#tokens;
  }

  /** A round of `kind` made `tokens`. */
  add(kind: Setting["kind"], tokens: number): void {
    this.#tokens += tokens;
    this.#used.set(kind, this.#tokens);
  }

  /** Milliseconds that a head or a draft model takes to read what it has missed of this text. */
  readingMs({ kind }: Setting, table: CostTable): number {
    const tokens = this.#tokens - Math.max(this.#begun, this.#used.get(kind) ?? 0);
    if (kind === "draft") return tokens * table.catchUp(1);
    return kind === "tree" ? tokens * table.headRead(0) : 0;
  }
}

/**
 * Draft models of several sequences that propose side by side: each step of all of them is one forward.
 *
 * @module
 */
import { Company } from "./company.ts";
import type { SharedDrafting } from "../sequence/drafter.ts";
import type { Round } from "../rounds/round.ts";

/** A draft model, as it makes a proposal in steps. */
export interface DraftSteps {
  /** Its rounds. */
  readonly round: Round;
  /** Whether the proposal begun is shorter than it is to be. */
  readonly isShort: boolean;
  /** Whether its next step is plain, whatever proposes to it. */
  readonly isPlain: boolean;
  /** Tokens that the model above has and that it has not read. */
  readonly behind: number;
  /** Reads many of them at once, as far as they are many. */
  follow(): void;
  /** Begins a proposal, and reads what is left of them. */
  begin(): void;
  /** Hears that a step has added so many tokens. */
  step(added: number): void;
  /** Ends the proposal. */
  end(): void;
}

/** Proposes for several draft models. */
export class SharedDrafts implements SharedDrafting {
  readonly #drafts: readonly DraftSteps[];
  readonly #company: Company;

  /** Captures the forwards that `drafts`, each in its own seat, share. */
  constructor(drafts: readonly DraftSteps[]) {
    this.#drafts = drafts;
    this.#company = new Company(drafts.map(({ round }) => round));
  }

  /** See {@linkcode SharedDrafting}. */
  propose(seats: readonly number[]): void {
    const drafts = this.#drafts;
    this.#catchUp(seats);
    for (const seat of seats) drafts[seat].begin();
    for (;;) {
      const short = seats.filter((seat) => drafts[seat].isShort);
      if (short.length === 0) break;
      const plain = short.filter((seat) => drafts[seat].isPlain);
      this.#company.queuePlain(plain);
      for (const seat of plain) drafts[seat].step(1);
      this.#run(short.filter((seat) => !drafts[seat].isPlain));
    }
    for (const seat of seats) drafts[seat].end();
  }

  /** Has those who are behind read what they have missed: each by itself as far as it is much, then all of them token by token. */
  #catchUp(seats: readonly number[]): void {
    const drafts = this.#drafts;
    for (const seat of seats) drafts[seat].follow();
    for (;;) {
      const behind = seats.filter((seat) => drafts[seat].behind > 0);
      // Who is the last one reads by itself when it begins.
      if (behind.length < 2) return;
      this.#company.queueNext(behind);
    }
  }

  /** Rounds with proposals of what proposes to the draft models. */
  #run(seats: readonly number[]): void {
    if (seats.length === 0) return;
    const turns = seats.map((seat) => ({
      seat,
      done: (result: { readonly accepted: number } | { readonly error: unknown }) => {
        if ("error" in result) throw result.error;
        this.#drafts[seat].step(result.accepted);
      },
    }));
    this.#company.run(turns, false);
  }

  /** Frees the graphs. */
  [Symbol.dispose](): void {
    this.#company[Symbol.dispose]();
  }
}

/**
 * What a request took.
 *
 * @module
 */
import type { GenerationResult } from "../../engine/mod.ts";

/** Counts of all texts of a request. */
export interface Usage {
  /** Tokens of its prompts, each counted once, however many choices it has. */
  readonly prompt_tokens: number;
  /** Tokens made, stop tokens and those of stop strings included. */
  readonly completion_tokens: number;
  /** Their sum. */
  readonly total_tokens: number;
  /** Of the prompts' tokens, those that were in the caches. */
  readonly prompt_tokens_details: { readonly cached_tokens: number };
  /** Extension: how the tokens came. */
  readonly speculation: {
    /** How tokens were proposed. */
    readonly method: string;
    /** Forwards of the target. */
    readonly target_forwards: number;
    /** Tokens that were proposed to the target. */
    readonly drafted: number;
    /** Tokens of the texts that had been proposed. */
    readonly accepted: number;
    /** Tokens a target forward. */
    readonly tau: number;
    /** How many target forwards committed i tokens, at index i. */
    readonly accept_lengths: readonly number[];
  };
}

/** Adds up what texts took. */
export class UsageCount {
  readonly #method: string;
  readonly #promptTokens: number;
  #cached = 0;
  #made = 0;
  #forwards = 0;
  #committed = 0;
  #drafted = 0;
  #accepted = 0;
  readonly #lengths: number[] = [];

  /** Of texts behind prompts of `promptTokens` tokens in all, made by `method`. */
  constructor(method: string, promptTokens: number) {
    this.#method = method;
    this.#promptTokens = promptTokens;
  }

  /** Adds a text, of which `accepted` tokens had been proposed; `isFirst` of its prompt. */
  add({ cachedTokens, stats }: GenerationResult, accepted: number, isFirst: boolean): void {
    const [target] = stats.levels;
    if (isFirst) this.#cached += cachedTokens;
    this.#made += stats.generatedTokens;
    this.#forwards += target.rounds;
    this.#committed += target.tokens;
    this.#drafted += target.drafted;
    this.#accepted += accepted;
    for (const [length, rounds] of stats.acceptLengths.entries()) {
      this.#lengths[length] = (this.#lengths[length] ?? 0) + rounds;
    }
  }

  /** The counts. */
  get usage(): Usage {
    return {
      prompt_tokens: this.#promptTokens,
      completion_tokens: this.#made,
      total_tokens: this.#promptTokens + this.#made,
      prompt_tokens_details: { cached_tokens: this.#cached },
      speculation: {
        method: this.#method,
        target_forwards: this.#forwards,
        drafted: this.#drafted,
        accepted: this.#accepted,
        tau: this.#forwards === 0 ? 0 : this.#committed / this.#forwards,
        accept_lengths: this.#lengths,
      },
    };
  }
}

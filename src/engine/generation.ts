/**
 * What a generation gives: pieces of text while it runs, and a result at its end.
 *
 * @module
 */
import { SpecMQuantError } from "../base/errors.ts";
import type { Decision, RoundReport, TopToken } from "../speculation/mod.ts";

/**
 * One token, with the text that it completes. The tokens of a stop string come as pieces without text, before
 * it is known that they are one; `GenerationResult.tokens` leaves them out.
 */
export interface Piece {
  /** Text that became certain with this token; may be empty, or more than the token's own. */
  readonly text: string;
  /** The token's id. */
  readonly token: number;
  /**
   * Who proposed it: `head`, `draft` or `target` (or the names given to the drafters), `grammar` where a grammar left no
   * other text.
   */
  readonly by: string;
  /** Whether it is the last of its round: the next one takes another forward. */
  readonly endsRound: boolean;
  /** The token's natural log-probability, where they were asked for. */
  readonly logprob?: number;
  /** The likeliest tokens in its place, likeliest first, as many as were asked for and are possible. */
  readonly top?: readonly TopToken[];
  /** What its round was, with the last piece of one, where that was asked for. */
  readonly round?: RoundReport;
}

/**
 * Why a generation ended: `stop` at a stop token or string, `length` at its `maxTokens`, `context` where the
 * context was full before that, `aborted` by its signal, an error, or because its loop was left.
 */
export type FinishReason = "stop" | "length" | "context" | "aborted";

/** Counts and times of one model's rounds; see `LevelStats`. */
export interface LevelReport {
  /** The model's name. */
  readonly name: string;
  /** Forwards that verified a proposal. */
  readonly rounds: number;
  /** Tokens that they committed. */
  readonly tokens: number;
  /** Forwards of tokens that the model did not propose itself. */
  readonly catchUps: number;
  /** Tokens that were proposed to it. */
  readonly drafted: number;
  /** The mean accept length. */
  readonly tau: number;
  /** How many rounds had an accept length of i, at index i. */
  readonly acceptLengths: readonly number[];
  /** The accept length of each round, in order: what a replay of the generation needs. */
  readonly lengths: readonly number[];
  /** How many rows the forward of each round had, in order. */
  readonly rows: readonly number[];
  /** Milliseconds on the device until proposals stood. */
  readonly draftMs: number;
  /** Milliseconds on the device in forwards and verification. */
  readonly verifyMs: number;
  /** Milliseconds on the device in commits. */
  readonly commitMs: number;
  /** Milliseconds that the host waited for results. */
  readonly readBackMs: number;
}

/** Statistics of one generation. */
export interface GenerationStats {
  /** How tokens were proposed, e.g. `hier`. */
  readonly method: string;
  /** Tokens made, those of a stop string included. */
  readonly generatedTokens: number;
  /** Forwards of the target, the reading of the prompt left out. */
  readonly targetForwards: number;
  /** Tokens a target forward. */
  readonly tau: number;
  /** How many target forwards committed i tokens, at index i. */
  readonly acceptLengths: readonly number[];
  /** All levels, the target first. */
  readonly levels: readonly LevelReport[];
  /** With `auto`, what was chosen when, and why. */
  readonly choices?: readonly Decision[];
  /** Times of the whole. */
  readonly timings: {
    /** Milliseconds to read the prompt. */
    readonly prefillMs: number;
    /** Milliseconds of all rounds. */
    readonly decodeMs: number;
    /** Tokens made, over `decodeMs`. */
    readonly tokensPerSecond: number;
  };
}

/** The end of a generation. */
export interface GenerationResult {
  /**
   * All text, without stop tokens and stop strings. Where it was aborted, also what no piece had yet: what might
   * have become a stop string, and half a character as U+FFFD.
   */
  readonly text: string;
  /**
   * All tokens, a stop token included. Where a stop string ended the text, the fewest tokens that have all of
   * it: a token in which the stop string begins behind other text is the last, and none where `text` is empty.
   */
  readonly tokens: readonly number[];
  /** The natural log-probability of each of them, where they were asked for. */
  readonly logprobs?: readonly number[];
  /** The likeliest tokens in the place of each, likeliest first, where log-probabilities were asked for. */
  readonly top?: readonly (readonly TopToken[])[];
  /** Tokens of the prompt. */
  readonly promptTokens: number;
  /** How many of them were in caches already, from the text before or from another slot's, which are copied. */
  readonly cachedTokens: number;
  /** Why it ended. */
  readonly finishReason: FinishReason;
  /** The seed that the text was sampled with, given or drawn; undefined for greedy text. */
  readonly seed?: number;
  /** Counts and times. */
  readonly stats: GenerationStats;
}

/**
 * A generation under way: iterate it once for its pieces, then ask for `result`. One that is dropped half-way
 * makes room for the next when its loop is left, when it is disposed, or at the latest when it is collected.
 */
export class Generation implements AsyncIterable<Piece>, AsyncDisposable {
  readonly #pieces: AsyncGenerator<Piece, void>;
  readonly #result: () => GenerationResult | undefined;

  /** Wraps a generator and the place of its result. */
  constructor(pieces: AsyncGenerator<Piece, void>, result: () => GenerationResult | undefined) {
    this.#pieces = pieces;
    this.#result = result;
  }

  /** The pieces; the generation runs as they are asked for. */
  [Symbol.asyncIterator](): AsyncGenerator<Piece, void> {
    return this.#pieces;
  }

  /** The result, when the pieces have come to their end (or were aborted). */
  get result(): GenerationResult {
    const result = this.#result();
    if (result === undefined) {
      throw new SpecMQuantError(
        "state",
        "Cannot give the result: the generation has not ended, iterate it to its end first",
      );
    }
    return result;
  }

  /** Ends it where it stands, as leaving its loop does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pieces.return();
  }

  /** Runs to the end and gives the result. */
  async finish(): Promise<GenerationResult> {
    for await (const _ of this.#pieces);
    return this.result;
  }
}

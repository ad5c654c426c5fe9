/**
 * What shares the device among requests. Routes know no more of it than this: whether one text runs at a time or several
 * side by side is the scheduler's affair.
 *
 * @module
 */
import type { GenerateOptions, GenerationResult, Piece, Score } from "../../engine/mod.ts";

/** One text to make, and what is to be known of its prompt. */
export interface TextJob {
  /** The prompt's tokens, fewer than the context has, 1 or more. */
  readonly prompt: readonly number[];
  /** How it goes on; absent where nothing is to be generated. */
  readonly generate?: Omit<GenerateOptions, "signal" | "progress">;
  /** Score the prompt first, with this many of the likeliest tokens in each place. */
  readonly score?: number;
}

/** All texts of one request. */
export interface TextRequest {
  /** Who asks, so that nobody waits for all that another one asks for. */
  readonly client: string;
  /** Its texts. */
  readonly jobs: readonly TextJob[];
  /** Whether the client reads pieces as they come, so that each is to go out at once. */
  readonly isStreamed: boolean;
  /** Ends it, queued or under way; its reason is thrown to who iterates. */
  readonly signal: AbortSignal;
}

/**
 * What comes of the job `index`: its score where it was asked for, its pieces, and its end, with a result where something was
 * generated.
 */
export type TextEvent =
  & { readonly index: number }
  & (
    | { readonly score: Score }
    | { readonly piece: Piece }
    | { readonly end: GenerationResult | undefined }
  );

/** Shares the device. */
export interface Scheduler {
  /** Texts that have not begun. */
  readonly waiting: number;
  /** Texts under way. */
  readonly running: number;
  /**
   * Takes all texts of a request, or none, and gives what comes of them, those of one text in order. It runs whether
   * anybody iterates or not: a slow client keeps nobody waiting.
   *
   * @throws {ApiError} 429 with `Retry-After`: the queue is full
   */
  submit(request: TextRequest): AsyncIterable<TextEvent>;
  /** Comes when nothing waits or runs. */
  idle(): Promise<void>;
}

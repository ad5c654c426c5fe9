/**
 * What trimming a head is asked to do, and what it tells.
 *
 * @module
 */
import {
  checkOptions,
  FUNCTION,
  integer,
  type Kinds,
  PATH,
  pathOf,
  required,
  SIGNAL,
} from "../../base/options.ts";
import type { Device } from "../../device/mod.ts";

/** What `trimHead` is asked to do. */
export interface TrimHeadOptions {
  /** Directory of the head, not quantized: a path or a `file:` URL, like the others. */
  readonly head: string | URL;
  /** The model that it drafts for: its tokenizer cuts the text, its output projection serves a head that has none. */
  readonly target: string | URL;
  /** The text: answers as `writeStates` reads them where its name ends in .jsonl, else plain text. */
  readonly texts: string | URL;
  /** Tokens to keep. */
  readonly keep: number;
  /**
   * Further entries of its logits, for tokens that are not kept and that the text has said last; of a head that takes its target's
   * output projection 64 where absent and at least 512 are kept, else none.
   */
  readonly recentTokens?: number;
  /** Directory to write, absent or empty. */
  readonly out: string | URL;
  /** Opens a device; asked only where the output projection is the target's and quantized. */
  readonly device?: () => Device;
  /** Hears where the work stands. */
  readonly onProgress?: (stage: "counting tokens" | "writing", done: number, total: number) => void;
  /** Hears where what is finished lies, where the work ends early. */
  readonly onKept?: (dir: string) => void;
  /** Stops the work; tokens that are counted stay counted for the next run. */
  readonly signal?: AbortSignal;
}

/** Recent tokens of a head where nothing else is asked for. */
export const DEFAULT_RECENT_TOKENS = 64;

/** The fewest tokens kept beside which recent tokens are worth their cost unasked: they are an eighth of so many. */
export const KEPT_WITH_RECENT = 512;

/** What `trimHead` did. */
export interface TrimHeadResult {
  /** Tokens that the head drafts on every text. */
  readonly kept: number;
  /** Recent tokens beside them. */
  readonly recentTokens: number;
  /** Tokens that it drafted before. */
  readonly before: number;
  /** The share of the text that they are; absent where all that was left to do was to move files. */
  readonly coverage?: number;
}

const KINDS: Kinds<TrimHeadOptions> = {
  head: required(PATH),
  target: required(PATH),
  texts: required(PATH),
  keep: required(integer(1)),
  recentTokens: integer(0),
  out: required(PATH),
  device: FUNCTION,
  onProgress: FUNCTION,
  onKept: FUNCTION,
  signal: SIGNAL,
};

/** What cannot be done, for messages. */
export const DOING = "trim a head";

/** Options whose files are paths. */
export interface CheckedTrimOptions extends TrimHeadOptions {
  /** See {@linkcode TrimHeadOptions}. */
  readonly head: string;
  /** See {@linkcode TrimHeadOptions}. */
  readonly target: string;
  /** See {@linkcode TrimHeadOptions}. */
  readonly texts: string;
  /** See {@linkcode TrimHeadOptions}. */
  readonly out: string;
}

/** Checks `options`; throws an `ArgumentError` that names the one at fault. */
export function checkTrimOptions(options: TrimHeadOptions): CheckedTrimOptions {
  checkOptions(DOING, options, KINDS);
  const path = (name: "head" | "target" | "texts" | "out") => pathOf(DOING, name, options[name]);
  return {
    ...options,
    head: path("head"),
    target: path("target"),
    texts: path("texts"),
    out: path("out"),
  };
}

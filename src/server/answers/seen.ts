/**
 * How tokens came, as streams that were asked for it say it: the extension `specmquant` of a choice.
 *
 * @module
 */
import type { GenerationStats, Piece, RoundReport } from "../../engine/mod.ts";
import type { TokenTexts } from "./token_texts.ts";

/** A row of a proposal. */
export interface SeenNode {
  /** Its token. */
  readonly token: number;
  /** The token's text. */
  readonly text: string;
  /** The node that it comes behind; -1 for the first, the last token before the round. */
  readonly parent: number;
  /** Who proposed it; null for the first. */
  readonly by: string | null;
  /** How likely its path seemed to who proposed it; null where that is not known. */
  readonly chance: number | null;
  /** Whether it was taken. */
  readonly accepted: boolean;
}

/** One round. */
export interface SeenRound {
  /** Who verified. */
  readonly verifier: string;
  /** Tokens committed. */
  readonly accepted: number;
  /** What was proposed. */
  readonly nodes: readonly SeenNode[];
  /** The verifier's own token, behind the last node that was taken. */
  readonly next: { readonly token: number; readonly text: string };
  /** Milliseconds until the proposal stood. */
  readonly draft_ms: number;
  /** Milliseconds in the forward and the verification. */
  readonly verify_ms: number;
  /** Milliseconds in the commit. */
  readonly commit_ms: number;
  /** Rounds of the draft model that made the proposal. */
  readonly inner: readonly SeenRound[];
}

/** What a chunk with a token says of it. */
export interface SeenToken {
  /** The token. */
  readonly token: number;
  /** Who proposed it. */
  readonly by: string;
  /** Its round, with the last token of one. */
  readonly round?: SeenRound;
}

/** What the last chunk of a choice says. */
export interface SeenEnd {
  /** How tokens were proposed. */
  readonly method: string;
  /** Milliseconds to read the prompt. */
  readonly prefill_ms: number;
  /** Milliseconds of all rounds. */
  readonly decode_ms: number;
  /** Tokens made, over `decode_ms`. */
  readonly tokens_per_second: number;
  /** Every model's rounds, the target's first. */
  readonly levels: ReadonlyArray<{
    /** The model. */
    readonly name: string;
    /** Its forwards that verified. */
    readonly rounds: number;
    /** Tokens that they committed. */
    readonly tokens: number;
    /** The accept length of each. */
    readonly lengths: readonly number[];
    /** Rows of the forward of each. */
    readonly rows: readonly number[];
    /** Milliseconds until proposals stood. */
    readonly draft_ms: number;
    /** Milliseconds in forwards and verification. */
    readonly verify_ms: number;
    /** Milliseconds in commits. */
    readonly commit_ms: number;
  }>;
}

/** How the token of a piece came. */
export function seenToken({ token, by, round }: Piece, texts: TokenTexts): SeenToken {
  return { token, by, ...(round && { round: seenRound(round, texts) }) };
}

function seenRound(round: RoundReport, texts: TokenTexts): SeenRound {
  return {
    verifier: round.verifier,
    accepted: round.accepted,
    nodes: round.nodes.map(({ token, parent, by, chance, isAccepted }) => ({
      token,
      text: texts.textOf(token),
      parent,
      by: by ?? null,
      chance: chance ?? null,
      accepted: isAccepted,
    })),
    next: { token: round.next, text: texts.textOf(round.next) },
    draft_ms: round.draftMs,
    verify_ms: round.verifyMs,
    commit_ms: round.commitMs,
    inner: round.inner.map((one) => seenRound(one, texts)),
  };
}

/** What a text took. */
export function seenEnd({ method, levels, timings }: GenerationStats): SeenEnd {
  return {
    method,
    prefill_ms: timings.prefillMs,
    decode_ms: timings.decodeMs,
    tokens_per_second: timings.tokensPerSecond,
    levels: levels.map((level) => ({
      name: level.name,
      rounds: level.rounds,
      tokens: level.tokens,
      lengths: level.lengths,
      rows: level.rows,
      draft_ms: level.draftMs,
      verify_ms: level.verifyMs,
      commit_ms: level.commitMs,
    })),
  };
}

/**
 * What a drafter is: anything that proposes tokens for the model above it.
 *
 * A drafter is made in two steps. Its {@linkcode DrafterPlan} is data: what it will ask of the model
 * above. `plan.create(verifier)` allocates and captures. Plans compose: `draftModel(model, options,
 * eagle2(head, options))` is a plan like any other, and so is a wrap around that.
 *
 * @module
 */
import type { KvCacheDType } from "../../base/dtype.ts";
import { type Kind, object } from "../../base/options.ts";
import type { Device, Tensor } from "../../device/mod.ts";
import type { ModelState } from "../../model/mod.ts";
import type { Choice } from "./choice.ts";
import type { Policy, SuffixRound } from "../policy/policy.ts";
import type { Setting } from "../policy/setting.ts";
import type { Seat } from "./seats.ts";
import type { LevelStats } from "./stats.ts";
import type { Taps } from "./taps.ts";

/** The device memory that all levels of one sequence share. */
export interface SequenceMemory {
  /** The device. */
  readonly device: Device;
  /** The token at each position, i32 [slots]; behind the committed ones lie proposed ones. */
  readonly history: Tensor<"i32">;
  /** What the host knows of it: the prompt, and what rounds have read back. */
  readonly text: Int32Array;
  /** The longest text, in tokens. */
  readonly context: number;
  /** `context` and the most rows that forwards need behind it. */
  readonly slots: number;
  /** Rows of one forward while the prompt is read. */
  readonly prefillRows: number;
  /** How all levels keep keys and values; `f16` where absent. */
  readonly kvCache?: KvCacheDType;
  /** How all levels choose tokens. */
  readonly choice: Choice;
  /** Its seat among several sequences of one plan; absent where it is alone. */
  readonly seat?: Seat;
  /** Hears what rounds of all levels are; nobody does where absent. */
  watch?: Watch;
}

/** A round under way, as who watches it sees it. */
export interface Watched extends Verifier {
  /** Name of the model that verifies. */
  readonly name: string;
  /** What proposes. */
  readonly drafter?: Drafter;
  /** The accept length, then the tokens, when it has ended. */
  readonly result: Int32Array;
}

/** Who watches rounds. Rounds inside a proposal begin and end before those that verify it. */
export interface Watch {
  /** A proposal stands in device memory, `rows` rows with node 0, and is not verified yet; 0 where a constraint forces tokens. */
  proposed(round: Watched, rows: number): void;
  /** The same round has ended, before its drafter hears of it. */
  ended(round: Watched): void;
}

/** Nodes that a tree may take, as `treeSelect` takes them. */
export interface Candidates {
  /** Logarithms of the chances of their paths, f32 [count]; above 0 where there is no chance to know, -infinity for none. */
  readonly scores: Tensor<"f32">;
  /** i32 [count]. */
  readonly tokens: Tensor<"i32">;
  /** The candidate before each, -1 for node 0, i32 [count]. */
  readonly parents: Tensor<"i32">;
  /** What was guessed to come behind position p, in row p % count, where that says more of candidates whose chance is not known. */
  readonly guesses?: Guesses;
}

/** Guesses behind positions of a text. */
export interface Guesses {
  /** Logarithms of their chances, f32 [count, width]. */
  readonly values: Tensor<"f32">;
  /** Their tokens, i32 [count, width]. */
  readonly ids: Tensor<"i32">;
}

/**
 * The rows that a drafter proposes, at fixed places in device memory. A tree has all of `tokens`,
 * `parents`, `depths` and `mask`; a sequence has none: its rows are the history behind the cache.
 */
export interface Proposal {
  /** Rows to verify, node 0 (the last committed token) included. */
  readonly rows: number;
  /** i32 [rows]. */
  readonly tokens?: Tensor<"i32">;
  /** Row of each row's parent, i32 [rows]. */
  readonly parents?: Tensor<"i32">;
  /** i32 [rows], 0 for row 0. */
  readonly depths?: Tensor<"i32">;
  /** u64 [rows, 1]. */
  readonly mask?: Tensor<"u64">;
  /** i32 [1]: the cache length and how many rows behind row 0 exist, where those may be fewer than `rows`. */
  readonly limit?: Tensor<"i32">;
  /** Fewer rows than `rows`, ascending, that a forward may have where no more exist; only `rows` where absent. */
  readonly cuts?: readonly number[];
  /** What the rows of a tree were taken from, where a device knows their chances. */
  readonly candidates?: Candidates;
  /** The chance of each row's path, f32 [rows], where the host knows it. */
  readonly chances?: Float32Array;
}

/** The rows that a verifier's forward has for the first `proposed` rows of a proposal: 1, the fewest that hold them, or all. */
export function rowsFor({ rows, cuts = [] }: Proposal, proposed: number): number {
  return proposed === 1 ? 1 : cuts.find((count) => proposed <= count) ?? rows;
}

/** The model above, as its drafter sees it. */
export interface Verifier {
  /** Its caches, cache length and hidden states. */
  readonly state: ModelState;
  /** The hidden states that the drafter asked for, by position. */
  readonly taps?: Taps;
  /** What the levels share. */
  readonly memory: SequenceMemory;
  /** Counts and times of its rounds. */
  readonly stats: LevelStats;
}

/** Makes the proposals of several drafters of one plan side by side. */
export interface SharedDrafting extends Disposable {
  /** Makes those of the drafters `seats`, ascending, as `propose` of each would. */
  propose(seats: readonly number[]): void;
}

/** Proposes tokens for one verifier. */
export interface Drafter extends Disposable {
  /** Where its proposals lie; the next one, where there are several places. */
  readonly proposal: Proposal;
  /** All places where they may lie; only `proposal` where absent. */
  readonly proposals?: readonly Proposal[];
  /** Rows of the last proposal that exist, the first ones; at most `proposal.rows`. Of 1, the round is a plain one. */
  readonly proposed: number;
  /** Tokens of the last proposal that are one behind another, at most. */
  readonly reach: number;
  /** Statistics of the rounds inside this drafter, outermost first; empty for a head. */
  readonly levels: readonly LevelStats[];
  /** Queues its part of reading a prompt, after the verifier's forward of the next `rows` tokens. */
  prefill(rows: number): void;
  /** Makes a proposal for the verifier's last committed token. */
  propose(): void;
  /**
   * Captures what makes proposals of `drafters`, each of a sequence of its own and this one among them, in forwards that they
   * share; absent where each has to work alone.
   */
  share?(drafters: readonly Drafter[]): SharedDrafting;
  /** Makes up, in place of a proposal, for most of what the verifier committed that was not proposed here. */
  follow(): void;
  /** Queues what follows from a commit of the verifier; captured behind the commit. */
  queueObserve(): void;
  /**
   * The host's side of `queueObserve`, when the verifier's new length is known. `strayed`: the last token that it took of
   * the proposal was not in row j of it, j being how many it took; what it chose after that one is always its own.
   */
  observe(strayed: boolean): void;
  /** Who proposed the j-th accepted token of the last proposal. */
  proposer(j: number): string;
  /** Who proposed the row `row` of it, 1 or more, before the drafter has heard of the verification; `proposer(0)` where absent. */
  proposerOf?(row: number): string;
  /**
   * Keeps what it has of the first `kept` tokens, which the verifier has in its caches, catches up where it has fewer,
   * and forgets what follows; makes room for a text of `length` tokens: rounds allocate nothing.
   */
  resume(kept: number, length: number): void;
  /** Tokens of the text that its caches have; absent where it has none. */
  readonly held?: number;
  /** Copies what `from`, of another sequence and the same plan, holds of tokens up to `end`, behind what it has; absent as `held`. */
  copy?(from: Drafter, end: number): void;
  /** Forgets what it remembers of earlier texts; absent where it remembers none. */
  forget?(): void;
  /**
   * The rounds that it would have had by itself over what has been committed, as far as it has not told of them yet; of a text
   * of which it has not told anything, from the token at `from` on. Absent where that is not known without a device.
   */
  alone?(from: number): readonly SuffixRound[];
  /** Makes the next proposals as one of its plan's settings says; absent where there is one way only. */
  use?(setting: Setting): void;
  /** Who says from now on which setting each proposal uses, where there are several drafters; nobody where absent. */
  policy?: Policy;
}

/** What a drafter will need, and how to make it. */
export interface DrafterPlan {
  /** Name of what it is made of, e.g. `draft(eagle2)`. */
  readonly name: string;
  /**
   * The hidden states that the verifier must keep of each token: none, the last, behind its final norm, or its residual
   * stream where so many layers have run (see `HeadTaps`).
   */
  readonly taps: "none" | "last" | readonly number[];
  /** Rows of its proposals. */
  readonly rows: number;
  /** The most tokens of one proposal that can be accepted. */
  readonly depth: number;
  /** Slots that it may need behind the verifier's cache length. */
  readonly slack: number;
  /** The ways in which it can make proposals, the first one until it is told to use another. */
  readonly settings: readonly Setting[];
  /** Whether it is of several drafters, which need a policy. */
  readonly several?: boolean;
  /** The plans inside: those of several drafters, or of what proposes to a draft model. */
  readonly members?: readonly DrafterPlan[];
  /** Allocates and captures. */
  create(verifier: Verifier): Drafter;
}

/** A `DrafterPlan`. */
export const PLAN_KIND: Kind = object(
  "a plan of a drafter",
  ({ create }) => typeof create === "function",
);

/**
 * What rounds were, for who watches: the rows proposed, who proposed each and how likely it seemed, and which were accepted. What a device
 * has of it is copied behind the proposal and comes with the round's own read-back, so that nothing waits once more.
 *
 * @module
 */
import { HostWords, rows, view } from "../device/mod.ts";
import { MAX_HEAD_ROWS, MAX_TOPK, MAX_TREE_ROWS } from "../ops/mod.ts";
import { FORCED_BY } from "./constraint.ts";
import type { Watch, Watched } from "./drafter.ts";

/** The most candidates of a tree. */
const MOST_CANDIDATES = MAX_TOPK * (1 + MAX_HEAD_ROWS);

/** Where candidates lie, behind tokens and parents, and how many words there are. */
const FIRST_CANDIDATE = 2 * MAX_TREE_ROWS;
const WORDS = FIRST_CANDIDATE + 3 * MOST_CANDIDATES;

/** A row of a proposal. */
export interface RoundNode {
  /** Its token. */
  readonly token: number;
  /** The row that it comes behind; -1 for row 0, the last token of the text. */
  readonly parent: number;
  /** Who proposed it: a name as `Piece.by` has it; undefined for row 0. */
  readonly by?: string;
  /**
   * How likely its whole path seemed to who proposed it, 0 to 1, where that is known. With a temperature a head and a draft model
   * know of the noise that the token is chosen with, and this is the share that is left to chance.
   */
  readonly chance?: number;
  /** Whether the verifier took it; row 0 stands already. */
  readonly isAccepted: boolean;
}

/** What one round was. */
export interface RoundReport {
  /** The model that verified: `target`, or the draft model of a hierarchy. */
  readonly verifier: string;
  /** Tokens committed, the verifier's own included. */
  readonly accepted: number;
  /** What was proposed; a node comes behind its parent, which is before it. */
  readonly nodes: readonly RoundNode[];
  /** The verifier's own token, behind the last accepted node. */
  readonly next: number;
  /** Milliseconds on the device until the proposal stood. */
  readonly draftMs: number;
  /** Milliseconds on the device in the forward and the verification. */
  readonly verifyMs: number;
  /** Milliseconds on the device in the commit. */
  readonly commitMs: number;
  /** The rounds of the level below that made the proposal. */
  readonly inner: readonly RoundReport[];
}

/** What is known before a round's end. */
interface Begun {
  /** Rows proposed; 0 where tokens are forced. */
  readonly rows: number;
  /** How many candidates they were taken from. */
  readonly candidates: number;
  readonly draftMs: number;
  readonly verifyMs: number;
  readonly commitMs: number;
}

/** A proposal as the host has it. */
interface Rows {
  readonly tokens: ArrayLike<number>;
  readonly parents: ArrayLike<number>;
  /** Of each row's path; undefined where it is not known, null of rows that were made of no candidate. */
  readonly chances: ReadonlyArray<number | undefined | null>;
}

/** Watches the rounds of all levels of one sequence. */
export class RoundWatch implements Watch, Disposable {
  /** The last round of the first level. */
  last?: RoundReport;
  readonly #first: Watched;
  readonly #words: HostWords;
  /** Rounds of the levels below since the last one of the first. */
  #inner: RoundReport[] = [];
  #begun?: Begun;

  /** Watches `first` and all levels below it; allocates pinned memory. */
  constructor(first: Watched) {
    this.#first = first;
    this.#words = new HostWords(first.memory.device, WORDS);
  }

  /** See {@linkcode Watch}. */
  proposed(round: Watched, count: number): void {
    const { state: { length }, memory: { history }, stats, drafter } = round;
    const { tokens, parents, candidates } = count > 1 ? drafter!.proposal : {};
    if (count > 1) {
      // Verification overwrites the first token of a sequence that it refuses.
      this.#words.take(tokens ? rows(tokens, 0, count) : rows(history, length, length + count));
    }
    if (parents) this.#words.take(rows(parents, 0, count), MAX_TREE_ROWS);
    const of = candidates?.scores.shape[0] ?? 0;
    if (candidates) {
      const parts = [view(candidates.scores, "i32", [of]), candidates.tokens, candidates.parents];
      parts.forEach((part, i) => this.#words.take(part, FIRST_CANDIDATE + i * of));
    }
    const { draftMs, verifyMs, commitMs } = stats;
    this.#begun = { rows: count, candidates: of, draftMs, verifyMs, commitMs };
  }

  /** See {@linkcode Watch}. */
  ended(round: Watched): void {
    const { name, stats, result } = round;
    const { draftMs, verifyMs, commitMs } = this.#begun!;
    const accepted = result[0];
    const isFirst = round === this.#first;
    const report: RoundReport = {
      verifier: name,
      accepted,
      nodes: this.#nodes(round),
      next: result[accepted],
      draftMs: stats.draftMs - draftMs,
      verifyMs: stats.verifyMs - verifyMs,
      commitMs: stats.commitMs - commitMs,
      inner: isFirst ? this.#inner : [],
    };
    if (isFirst) {
      this.last = report;
      this.#inner = [];
    } else this.#inner.push(report);
  }

  /** The nodes of a round that has ended, whose `state` has its new length. */
  #nodes({ result, drafter, memory: { text }, state }: Watched): RoundNode[] {
    const count = this.#begun!.rows;
    const taken = result.subarray(1, result[0]);
    const root = text[state.length - result[0]];
    if (count === 0) {
      const chain = [...taken].map((token, j) => ({
        token,
        parent: j,
        by: FORCED_BY,
        isAccepted: true,
      }));
      return [{ token: root, parent: -1, isAccepted: true }, ...chain];
    }
    const { tokens, parents, chances } = this.#rows(root, count, drafter?.proposal.chances);
    const nodes: RoundNode[] = [];
    /** The node that each row became. */
    const at: number[] = [];
    let [last, depth] = [0, 0];
    for (let row = 0; row < count; row++) {
      const chance = chances[row];
      if (chance === null) continue;
      const [token, parent] = [tokens[row], row === 0 ? -1 : at[parents[row]]];
      const isNext = row > 0 && parent === last && depth < taken.length && token === taken[depth];
      at[row] = nodes.length;
      if (isNext) [last, depth] = [nodes.length, depth + 1];
      nodes.push({
        token,
        parent,
        ...(row > 0 && { by: drafter!.proposerOf?.(row) ?? drafter!.proposer(0) }),
        ...(row > 0 && chance !== undefined && { chance }),
        isAccepted: row === 0 || isNext,
      });
    }
    return nodes;
  }

  #rows(root: number, count: number, known?: Float32Array): Rows {
    const { words } = this.#words;
    if (count === 1) return { tokens: [root], parents: [-1], chances: [1] };
    const tokens = words.slice(0, count);
    const { candidates } = this.#begun!;
    const isSequence = candidates === 0 && known === undefined;
    return {
      tokens,
      parents: isSequence
        ? tokens.map((_, row) => row - 1)
        : words.slice(MAX_TREE_ROWS, MAX_TREE_ROWS + count),
      chances: known
        ? [...known.subarray(0, count)]
        : isSequence
        ? Array.from(tokens, () => undefined)
        : this.#chances(count),
    };
  }

  /** Of rows that were taken from candidates: children of one parent have different tokens. */
  #chances(count: number): Rows["chances"] {
    const { words } = this.#words;
    const { candidates } = this.#begun!;
    const part = (i: number) =>
      words.subarray(FIRST_CANDIDATE + i * candidates).subarray(0, candidates);
    const scores = new Float32Array(
      words.buffer,
      words.byteOffset + 4 * FIRST_CANDIDATE,
      candidates,
    );
    const [tokens, parents] = [part(1), part(2)];
    const found = [-1];
    const chances: (number | undefined | null)[] = [1];
    for (let row = 1; row < count; row++) {
      const parent = found[words[MAX_TREE_ROWS + row]];
      const is = (i: number) =>
        parents[i] === parent && tokens[i] === words[row] && scores[i] > -Infinity;
      found[row] = tokens.findIndex((_, i) => is(i));
      const score = scores[found[row]];
      chances[row] = score === undefined ? null : score > 0 ? undefined : Math.exp(score);
    }
    return chances;
  }

  /** Frees the pinned memory. */
  [Symbol.dispose](): void {
    this.#words[Symbol.dispose]();
  }
}

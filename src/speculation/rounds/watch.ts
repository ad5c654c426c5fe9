/**
 * What rounds are, for who watches. What a device has of a proposal is copied behind it and comes with the round's own read-back, so
 * that nothing waits once more.
 *
 * @module
 */
import { HostWords, rows, type Tensor, view } from "../../device/mod.ts";
import { MAX_HEAD_ROWS, MAX_TOPK, MAX_TREE_ROWS } from "../../ops/mod.ts";
import { chancesOf, type HostCandidates } from "./chances.ts";
import { FORCED_BY } from "../sequence/constraint.ts";
import type { Proposal, Watch, Watched } from "../sequence/drafter.ts";
import { nodesOf, type ProposedRows, type RoundNode, type RoundReport } from "./round_report.ts";

/** Words of a proposal, and of the candidates of a tree with its guesses, at most. */
const WORDS = 2 * MAX_TREE_ROWS + 3 * MAX_TOPK * (1 + MAX_HEAD_ROWS) + 2 * MAX_TREE_ROWS * MAX_TOPK;

/** What is known before a round's end. */
interface Begun {
  /** Rows proposed; 0 where tokens are forced. */
  readonly rows: number;
  /** Where they lie, where there are more than one. */
  readonly proposal?: Proposal;
  readonly draftMs: number;
  readonly verifyMs: number;
  readonly commitMs: number;
}

/** Watches the rounds of all levels of one sequence. */
export class RoundWatch implements Watch, Disposable {
  /** The last round of the first level. */
  last?: RoundReport;
  readonly #first: Watched;
  readonly #words: HostWords;
  /** Rounds that are inside none yet, in order, each with how many levels are below its own. */
  readonly #inner: { readonly below: number; readonly report: RoundReport }[] = [];
  #begun?: Begun;

  /** Watches `first` and all levels below it; allocates pinned memory. */
  constructor(first: Watched) {
    this.#first = first;
    this.#words = new HostWords(first.memory.device, WORDS);
  }

  /** Begins anew, whatever has been. */
  reset(): void {
    this.last = undefined;
    this.#inner.length = 0;
  }

  /** See {@linkcode Watch}. */
  proposed(round: Watched, count: number): void {
    const { state: { length }, memory: { history }, stats, drafter } = round;
    const proposal = count > 1 ? drafter!.proposal : undefined;
    let at = 0;
    // Verification overwrites the first token of a sequence that it refuses.
    const sequence = () => rows(history, length, length + count);
    for (const part of proposal ? partsOf(proposal, count, sequence) : []) {
      this.#words.take(part, at);
      at += part.shape.reduce((product, size) => product * size, 1);
    }
    const { draftMs, verifyMs, commitMs } = stats;
    this.#begun = { rows: count, proposal, draftMs, verifyMs, commitMs };
  }

  /** See {@linkcode Watch}. */
  ended(round: Watched): void {
    const { name, stats, result, drafter } = round;
    const below = drafter?.levels.length ?? 0;
    const { draftMs, verifyMs, commitMs } = this.#begun!;
    const report: RoundReport = {
      verifier: name,
      accepted: result[0],
      nodes: this.#nodes(round),
      next: result[result[0]],
      draftMs: stats.draftMs - draftMs,
      verifyMs: stats.verifyMs - verifyMs,
      commitMs: stats.commitMs - commitMs,
      inner: this.#takeInner(below),
    };
    if (round === this.#first) this.last = report;
    else this.#inner.push({ below, report });
  }

  /** The last rounds of the levels below. */
  #takeInner(below: number): RoundReport[] {
    const last = this.#inner.findLastIndex((one) => one.below >= below);
    return this.#inner.splice(last + 1).map(({ report }) => report);
  }

  /** The nodes of a round that has ended: its `state` has its new length. */
  #nodes({ result, drafter, memory: { text }, state: { length } }: Watched): RoundNode[] {
    const { rows: count, proposal } = this.#begun!;
    const taken = result.subarray(1, result[0]);
    const at = length - result[0];
    if (proposal !== undefined) {
      const by = (row: number) => drafter!.proposerOf?.(row) ?? drafter!.proposer(0);
      return nodesOf({ ...this.#rows(proposal, count, at), by }, taken);
    }
    const tokens = count === 0 ? [text[at], ...taken] : [text[at]];
    return nodesOf({ ...inOrder(tokens), by: () => FORCED_BY }, taken);
  }

  #rows(proposal: Proposal, count: number, at: number): Omit<ProposedRows, "by"> {
    const { words } = this.#words;
    const tokens = words.slice(0, count);
    const { parents: isTree, candidates, chances } = proposal;
    if (!isTree) return inOrder(tokens);
    const parents = words.slice(count, 2 * count);
    if (candidates === undefined) {
      return { tokens, parents, chances: chances ? [...chances] : [...tokens].fill(undefined!) };
    }
    const [size, width] = [candidates.scores.shape[0], candidates.guesses?.ids.shape[1] ?? 0];
    let from = 2 * count;
    const integers = (length: number) => words.subarray(from, from += length);
    const floats = (length: number) => new Float32Array(integers(length).slice().buffer);
    const all: HostCandidates = {
      scores: floats(size),
      tokens: integers(size),
      parents: integers(size),
      guesses: candidates.guesses && {
        values: floats(candidates.guesses.ids.shape[0] * width),
        ids: integers(candidates.guesses.ids.shape[0] * width),
        width,
      },
    };
    return { tokens, parents, chances: chancesOf(tokens, parents, all, at) };
  }

  /** Frees the pinned memory. */
  [Symbol.dispose](): void {
    this.#words[Symbol.dispose]();
  }
}

/** Rows of a sequence, of which no chances are known. */
function inOrder(tokens: ArrayLike<number>): Omit<ProposedRows, "by"> {
  const count = tokens.length;
  return {
    tokens,
    parents: Array.from({ length: count }, (_, row) => row - 1),
    chances: new Array(count).fill(undefined),
  };
}

/** What is copied of a proposal's first `count` rows, in this order; `sequence` gives them where it is no tree. */
function partsOf(
  proposal: Proposal,
  count: number,
  sequence: () => Tensor<"i32">,
): Tensor<"i32">[] {
  const { tokens, parents, candidates } = proposal;
  if (!tokens || !parents) return [sequence()];
  const parts = [rows(tokens, 0, count), rows(parents, 0, count)];
  if (candidates === undefined) return parts;
  const { scores, guesses } = candidates;
  const words = (floats: Tensor<"f32">) => view(floats, "i32", floats.shape);
  parts.push(words(scores), candidates.tokens, candidates.parents);
  if (guesses) parts.push(words(guesses.values), guesses.ids);
  return parts;
}

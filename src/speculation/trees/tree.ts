/**
 * The device memory of one tree of a head, and the ops that grow it.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import { type Arena, type Device, rows, type Tensor } from "../../device/mod.ts";
import { MAX_HEAD_ROWS, MAX_TOPK, MAX_TREE_ROWS, treeExpand, treeSelect } from "../../ops/mod.ts";
import type { Proposal, Verifier } from "../sequence/drafter.ts";

/** Shape of a tree. */
export interface TreeOptions {
  /** Levels below node 0. */
  readonly depth: number;
  /** Nodes expanded on each level, and children looked at of each. */
  readonly topk: number;
  /** Nodes verified, node 0 included. */
  readonly treeSize: number;
}

/** Candidates of all levels: topk on the first, topk * topk on each further one. */
export function candidates({ depth, topk }: TreeOptions): number {
  return topk + (depth - 1) * topk * topk;
}

/** Refuses a tree of whole numbers that the kernels cannot hold; throws `ArgumentError`. */
export function checkTree(options: TreeOptions, vocabulary: number): void {
  const { depth, topk, treeSize } = options;
  const refuse = (name: string, value: number, expected: string): never => {
    throw new ArgumentError(name, `Cannot draft trees: ${name} is ${value}, expected ${expected}`);
  };
  const widest = Math.min(MAX_TOPK, vocabulary);
  if (topk > widest) refuse("topk", topk, `at most ${widest}`);
  const held = topk * (depth - 1);
  if (held > MAX_HEAD_ROWS) {
    refuse("depth", depth, `topk * (depth - 1) of at most ${MAX_HEAD_ROWS}, here ${held}`);
  }
  if (treeSize > MAX_TREE_ROWS) refuse("treeSize", treeSize, `at most ${MAX_TREE_ROWS}`);
  const most = 1 + candidates(options);
  if (treeSize > most) {
    refuse("treeSize", treeSize, `at most ${most} with depth ${depth} and topk ${topk}`);
  }
}

/** Bytes that a {@linkcode Tree} takes on a device at most: candidates, two tables of choices, the frontier, the proposal. */
export const MOST_TREE_BYTES: number = 12 * MAX_TOPK * (1 + MAX_HEAD_ROWS) +
  8 * MAX_TOPK ** 2 + (12 + MAX_HEAD_ROWS / 8) * MAX_TOPK + 20 * MAX_TREE_ROWS;

/** A proposal that is a tree: all of its tensors are there. */
export type TreeProposal =
  & Proposal
  & Required<Omit<Proposal, "limit" | "cuts" | "candidates" | "chances">>;

/** Allocates a proposal of `size` rows, node 0 included, in `arena`: zeros, since it may be verified beside others before it is made. */
export function allocateTree(arena: Arena, size: number): TreeProposal {
  const words = (): Tensor<"i32"> => arena.fromHost("i32", [size], new Int32Array(size));
  return {
    rows: size,
    tokens: words(),
    parents: words(),
    depths: words(),
    mask: arena.fromHost("u64", [size, 1], new BigUint64Array(size)),
  };
}

/** One tree: its candidates, the frontier of its last level, and the nodes kept. */
export class Tree {
  /** The nodes kept, for the verifier. */
  readonly proposal: TreeProposal;
  /** Token of each frontier entry, i32 [topk]. */
  readonly frontTokens: Tensor<"i32">;
  /** Row of the level before that each entry grew from, i32 [topk]. */
  readonly frontRows: Tensor<"i32">;
  /** The head's own rows that each entry attends to, u64 [topk, words]. */
  readonly frontMask: Tensor<"u64">;
  /** Top log-probabilities of the frontier's rows, f32 [topk, topk]. */
  readonly values: Tensor<"f32">;
  /** Their tokens, i32 [topk, topk]. */
  readonly ids: Tensor<"i32">;
  readonly #topk: number;
  readonly #scores: Tensor<"f32">;
  readonly #tokens: Tensor<"i32">;
  readonly #parents: Tensor<"i32">;
  readonly #frontNodes: Tensor<"i32">;

  /** Allocates the tree of `options` in `arena`. */
  constructor(arena: Arena, options: TreeOptions) {
    const { depth, topk, treeSize } = options;
    const count = candidates(options);
    const words = Math.max(1, Math.ceil((topk * (depth - 1)) / 64));
    this.#topk = topk;
    this.#scores = arena.allocate("f32", [count], "scores");
    this.#tokens = arena.allocate("i32", [count], "tokens");
    this.#parents = arena.allocate("i32", [count], "parents");
    this.#frontNodes = arena.allocate("i32", [topk], "front nodes");
    this.frontTokens = arena.allocate("i32", [topk], "front tokens");
    this.frontRows = arena.allocate("i32", [topk], "front rows");
    this.frontMask = arena.allocate("u64", [topk, words], "front mask");
    this.values = arena.allocate("f32", [topk, topk], "values");
    this.ids = arena.allocate("i32", [topk, topk], "ids");
    const from = { scores: this.#scores, tokens: this.#tokens, parents: this.#parents };
    this.proposal = { ...allocateTree(arena, treeSize), candidates: from };
  }

  /** Queues level `level`, 1 or more, from `values` and `ids`. */
  queueExpand(device: Device, level: number): void {
    const count = level === 1 ? 1 : this.#topk;
    treeExpand(device, {
      scores: this.#scores,
      tokens: this.#tokens,
      parents: this.#parents,
      frontNodes: this.#frontNodes,
      frontTokens: this.frontTokens,
      frontRows: this.frontRows,
      frontMask: this.frontMask,
      values: rows(this.values, 0, count),
      ids: rows(this.ids, 0, count),
      level,
      topk: this.#topk,
    });
  }

  /** Queues the choice of the nodes to verify. */
  queueSelect(verifier: Verifier): void {
    const { tokens, parents, depths, mask } = this.proposal;
    treeSelect(verifier.memory.device, {
      outTokens: tokens,
      outParents: parents,
      outDepths: depths,
      outMask: mask,
      scores: this.#scores,
      tokens: this.#tokens,
      parents: this.#parents,
      history: verifier.memory.history,
      cacheLength: verifier.state.cacheLength,
    });
  }
}

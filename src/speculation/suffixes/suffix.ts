/**
 * Drafting without a model: what comes behind the end of a text is what came behind it before, in its prompt, in what was
 * generated, or in an earlier text of the session (prompt lookup, and SuffixDecoding, arXiv 2411.04975).
 *
 * @module
 */
import { checkArgument, checkOptions, integer, required } from "../../base/options.ts";
import { Arena, type Device } from "../../device/mod.ts";
import { MAX_TREE_ROWS } from "../../ops/mod.ts";
import { Continuations, PLACES } from "./continuations.ts";
import {
  type Drafter,
  type DrafterPlan,
  type Proposal,
  rowsFor,
  type Verifier,
} from "../sequence/drafter.ts";
import { HostNodes } from "../trees/host_nodes.ts";
import type { SuffixRound } from "../policy/policy.ts";
import { DRAFTER_KINDS } from "../trees/shape.ts";
import { Remembered } from "./remembered.ts";
import { SuffixIndex } from "./suffix_index.ts";
import { SuffixesAlone } from "./suffixes_alone.ts";

/** Options of a suffix drafter. */
export interface SuffixOptions {
  /** Tokens of a proposal that are one behind another, at most. */
  readonly depth: number;
  /** Nodes of a proposal at most, the last token of the text included; 1 to 64. */
  readonly treeSize: number;
  /**
   * The least chance that a node must seem to have, 0 to 1, to be proposed; where absent 0.01 on a GPU, where a row costs next
   * to nothing, and 0.5 on the CPU, where each costs about half of a forward of one.
   */
  readonly leastWorth?: number;
  /** Name in provenance; `suffix` where absent. */
  readonly name?: string;
}

/** What `leastWorth` is where options do not say. */
const LEAST_WORTH: Readonly<Record<Device["backend"], number>> = { cpu: 0.5, cuda: 0.01 };

/** Rows that forwards are made for, beside those of the largest proposal. */
const CUTS = [2, 4, 8, 16, 32];

/** Tokens of texts that are remembered: 8.9 MB of the host's memory. */
const REMEMBERED = 2 ** 17;

/**
 * Plans a drafter that remembers texts. Options of other drafters may be among the options: one shape can be given to all.
 * Throws an `ArgumentError` for options that are not what they should be.
 */
export function suffix(options: SuffixOptions): DrafterPlan {
  const doing = "draft from suffixes";
  checkOptions(doing, options, DRAFTER_KINDS);
  const { depth, treeSize } = options;
  checkArgument(doing, "depth", depth, required(DRAFTER_KINDS.depth));
  checkArgument(doing, "treeSize", treeSize, required(integer(1, MAX_TREE_ROWS)));
  return {
    name: "suffix",
    taps: "none",
    rows: treeSize,
    depth: Math.min(depth, treeSize - 1),
    slack: treeSize,
    settings: [{ kind: "suffix", depth: Math.min(depth, treeSize - 1), rows: treeSize }],
    create: (verifier) => new Suffix(verifier, options),
  };
}

/** A suffix drafter at work. */
class Suffix implements Drafter {
  readonly proposal: Proposal;
  readonly levels = [];
  proposed = 1;
  readonly reach: number;
  readonly #name: string;
  readonly #verifier: Verifier;
  readonly #remembered: Remembered;
  readonly #continuations: Continuations;
  readonly #alone: SuffixesAlone;
  readonly #nodes: HostNodes;
  readonly #cleanup: DisposableStack;

  constructor(verifier: Verifier, options: SuffixOptions) {
    const { device } = verifier.memory;
    const { depth, treeSize, leastWorth = LEAST_WORTH[device.backend], name = "suffix" } = options;
    this.#name = name;
    this.reach = Math.min(depth, treeSize - 1);
    this.#verifier = verifier;
    const index = new SuffixIndex(REMEMBERED, PLACES);
    this.#remembered = new Remembered(index);
    this.#continuations = new Continuations(index, treeSize, depth, leastWorth);
    using cleanup = new DisposableStack();
    const arena = cleanup.use(new Arena(device, "suffix"));
    this.#nodes = cleanup.use(new HostNodes(device, arena, treeSize));
    const cuts = CUTS.filter((count) => count < treeSize);
    const { chances } = this.#continuations;
    this.proposal = { ...this.#nodes.proposal, cuts, chances };
    this.#alone = new SuffixesAlone(
      new Continuations(index, treeSize, depth, leastWorth),
      (proposed) => rowsFor(this.proposal, proposed),
    );
    this.#cleanup = cleanup.move();
  }

  prefill(): void {
    // The host has the prompt.
  }

  propose(): void {
    const { state: { length, vocabulary }, memory: { text } } = this.#verifier;
    this.#remembered.read(text, length + 1);
    const continuations = this.#continuations;
    this.proposed = continuations.grow(text, length + 1, vocabulary);
    if (this.proposed === 1) return;
    continuations.tokens[0] = text[length];
    this.#nodes.queue(continuations, this.proposed, length);
  }

  follow(): void {
    // What was not proposed here is read with the next proposal.
  }

  queueObserve(): void {
    // All that it knows is on the host.
  }

  observe(): void {
    // A level above may have refused what this one's verifier had accepted.
    this.#remembered.takeBack(this.#verifier.state.length);
  }

  alone(from: number): readonly SuffixRound[] {
    const { state: { length, vocabulary }, memory: { text } } = this.#verifier;
    return this.#alone.to(text, length + 1, from, vocabulary, this.#read);
  }

  readonly #read = (length: number): void => {
    this.#remembered.read(this.#verifier.memory.text, length);
  };

  proposer(): string {
    return this.#name;
  }

  resume(kept: number): void {
    this.#alone.begin();
    this.#remembered.resume(kept);
  }

  forget(): void {
    this.#alone.begin();
    this.#remembered.forget();
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}

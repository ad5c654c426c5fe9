/**
 * The states and rules of a network.
 *
 * @module
 */

/** An edge that takes one of some bytes. */
export interface ByteEdge {
  /** The first byte. */
  readonly first: number;
  /** The last byte. */
  readonly last: number;
  /** The state behind it. */
  readonly to: number;
}

/** An edge that takes a text of a rule. */
export interface CallEdge {
  /** The number of the rule. */
  readonly rule: number;
  /** The state behind it. */
  readonly to: number;
}

/** A state of a network. */
export interface Place {
  /** Edges that take a byte. */
  bytes: ByteEdge[];
  /** States that it stands for as well. */
  empty: number[];
  /** Edges that take a rule. */
  calls: CallEdge[];
}

/** Where a rule begins and ends. */
export interface RuleStates {
  /** What messages call it. */
  readonly name: string;
  /** The state at its begin. */
  readonly start: number;
  /** The state at its end, which has no edges. */
  readonly end: number;
}

/**
 * What a round was, as data.
 *
 * @module
 */

/** A row of a proposal. */
export interface RoundNode {
  /** Its token. */
  readonly token: number;
  /** The node that it comes behind; -1 for node 0, the last token of the text. */
  readonly parent: number;
  /** Who proposed it: a name as `Piece.by` has it; undefined for node 0. */
  readonly by?: string;
  /**
   * How likely its whole path seemed to who proposed it, 0 to 1, where that is known. With a temperature, heads and draft models
   * know the noise that tokens are chosen with, and this is what they hold possible in spite of it.
   */
  readonly chance?: number;
  /** Whether the verifier took it; node 0 stands already. */
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

/** Rows of a proposal on the host, node 0 first. */
export interface ProposedRows {
  /** Their tokens. */
  readonly tokens: ArrayLike<number>;
  /** The row before each. */
  readonly parents: ArrayLike<number>;
  /** Of each row's path; undefined where it is not known, null of rows that propose nothing, to which no row comes behind. */
  readonly chances: ReadonlyArray<number | undefined | null>;
  /** Who proposed a row. */
  by(row: number): string;
}

/** The nodes of a round that accepted the tokens `taken` of a proposal; children of one parent have different tokens. */
export function nodesOf(
  { tokens, parents, chances, by }: ProposedRows,
  taken: ArrayLike<number>,
): RoundNode[] {
  const nodes: RoundNode[] = [{ token: tokens[0], parent: -1, isAccepted: true }];
  /** The node that each row became. */
  const at = [0];
  let [last, depth] = [0, 0];
  for (let row = 1; row < tokens.length; row++) {
    const chance = chances[row];
    if (chance === null) continue;
    const [token, parent] = [tokens[row], at[parents[row]]];
    const isAccepted = parent === last && depth < taken.length && token === taken[depth];
    at[row] = nodes.length;
    if (isAccepted) [last, depth] = [nodes.length, depth + 1];
    nodes.push({
      token,
      parent,
      by: by(row),
      ...(chance !== undefined && { chance }),
      isAccepted,
    });
  }
  return nodes;
}

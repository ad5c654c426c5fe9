/**
 * EAGLE-2's tree and greedy verification with objects and sorting: nothing here knows the layout of
 * the device's arrays, but for the index that breaks ties.
 *
 * @module
 */

/** A candidate: a token after its parent, `null` standing for node 0. */
export interface Candidate {
  /** Its place among all candidates. */
  readonly index: number;
  /** What it proposes. */
  readonly token: number;
  /** The candidate before it, or `null`. */
  readonly parent: Candidate | null;
  /** The cumulative log-probability, in f32. */
  readonly score: number;
}

/** The top tokens after a frontier entry. */
export interface Expansion {
  /** Log-probabilities, descending. */
  readonly values: readonly number[];
  /** Their tokens. */
  readonly ids: readonly number[];
}

/** The better of two candidates comes first: the higher score, then the lower index. */
function better(a: Candidate, b: Candidate): number {
  return b.score - a.score || a.index - b.index;
}

/** Candidates of all levels, and the frontier of each, as expansions come in. */
export class ReferenceTree {
  /** All candidates so far, by index. */
  readonly candidates: Candidate[] = [];
  /** The best of the last level, best first. */
  frontier: (Candidate | null)[] = [null];

  /** Adds a level: one expansion for each entry of the frontier. */
  expand(expansions: readonly Expansion[], topk: number): void {
    const level: Candidate[] = [];
    this.frontier.forEach((parent, f) => {
      expansions[f].ids.forEach((token, j) => {
        const index = this.candidates.length + level.length;
        const score = Math.fround((parent?.score ?? 0) + expansions[f].values[j]);
        level.push({ index, token, parent, score });
      });
    });
    this.candidates.push(...level);
    this.frontier = [...level].sort(better).slice(0, topk);
  }

  /** The size - 1 best candidates in index order. */
  select(size: number): Candidate[] {
    return [...this.candidates].sort(better).slice(0, size - 1).sort((a, b) => a.index - b.index);
  }
}

/** Its ancestors, node 0 not counted, and itself; nearest last. */
export function lineage(candidate: Candidate): Candidate[] {
  return candidate.parent === null ? [candidate] : [...lineage(candidate.parent), candidate];
}

/** What a verification keeps. */
export interface Verified {
  /** The rows kept, row 0 first. */
  readonly path: number[];
  /** The tokens committed, the bonus token last. */
  readonly tokens: number[];
}

/** Follows from row 0 the child whose token is its parent's best, as long as there is one. */
export function verify(
  tokens: readonly number[],
  parents: readonly number[],
  best: readonly number[],
): Verified {
  const path = [0];
  const committed: number[] = [];
  for (;;) {
    const row = path[path.length - 1];
    committed.push(best[row]);
    const child = tokens.findIndex((token, i) => parents[i] === row && token === best[row]);
    if (child < 0) return { path, tokens: committed };
    path.push(child);
  }
}

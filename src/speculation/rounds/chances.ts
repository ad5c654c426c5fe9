/**
 * How likely the rows of a tree seemed, by the candidates that they were taken from.
 *
 * @module
 */

/** Candidates of a tree on the host, as `Candidates` has them on a device. */
export interface HostCandidates {
  /** See `Candidates`. */
  readonly scores: Float32Array;
  /** See `Candidates`. */
  readonly tokens: Int32Array;
  /** See `Candidates`. */
  readonly parents: Int32Array;
  /** See `Candidates`. */
  readonly guesses?: HostGuesses;
}

/** Guesses on the host. */
export interface HostGuesses {
  /** Logarithms of chances, one row behind another. */
  readonly values: Float32Array;
  /** Their tokens. */
  readonly ids: Int32Array;
  /** Guesses of one position. */
  readonly width: number;
}

/**
 * The chance of each row's path, undefined where it is not known, null of rows that no candidate stands for. Row 0 is at position
 * `at`; children of one parent have different tokens.
 */
export function chancesOf(
  tokens: Int32Array,
  parents: Int32Array,
  candidates: HostCandidates,
  at: number,
): (number | undefined | null)[] {
  const found = [-1];
  const depths = [0];
  const logs: (number | undefined | null)[] = [0];
  for (let row = 1; row < tokens.length; row++) {
    const parent = parents[row];
    depths[row] = depths[parent] + 1;
    found[row] = candidates.tokens.findIndex((token, i) =>
      token === tokens[row] && candidates.parents[i] === found[parent] &&
      candidates.scores[i] > -Infinity
    );
    const score = candidates.scores[found[row]];
    if (score === undefined) logs[row] = null;
    else if (score <= 0) logs[row] = score;
    else {
      const own = guessOf(candidates.guesses, at + depths[row] - 1, tokens[row]);
      const before = logs[parent];
      logs[row] = typeof before === "number" && own !== undefined ? before + own : undefined;
    }
  }
  return logs.map((log) => typeof log === "number" ? Math.exp(log) : log);
}

/** The logarithm of the chance of `token` behind position `at`, where it was among the guesses. */
function guessOf(guesses: HostGuesses | undefined, at: number, token: number): number | undefined {
  if (guesses === undefined) return undefined;
  const { values, ids, width } = guesses;
  const first = (at % (ids.length / width)) * width;
  const i = ids.subarray(first, first + width).indexOf(token);
  return i < 0 ? undefined : values[first + i];
}

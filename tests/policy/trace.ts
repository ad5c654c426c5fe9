/**
 * What drafters would have had accepted at each position of a text: enough to replay any choice of settings.
 *
 * @module
 */

/** Traces of one text, or of several one behind another. */
export interface Trace {
  /** What it is of. */
  readonly name: string;
  /** Tokens generated. */
  readonly length: number;
  /**
   * For each drafter, by the level of its verifier and its name (`0 suffix`, `0 tree 5-8-32`, `0 draft`, `1 tree 3-8-24`),
   * how many tokens of a proposal made at each position would have been accepted. Of a draft model, of a sequence as long as
   * any setting may make.
   */
  readonly accepted: Readonly<Record<string, readonly number[]>>;
  /** Rows of the proposals of `0 suffix` at each position; 1 where there was none. */
  readonly suffixRows: readonly number[];
  /** Where its texts begin, the first at 0; of one text where absent. */
  readonly starts?: readonly number[];
}

/** A trace as a file has it: a character a position, in base 36. */
export interface StoredTrace {
  /** See {@linkcode Trace}. */
  readonly name: string;
  /** See {@linkcode Trace}. */
  readonly accepted: Readonly<Record<string, string>>;
  /** See {@linkcode Trace}. */
  readonly suffixRows: string;
}

const DIGITS = 36;

/** What a file has of a trace. Numbers above 35 are cut to it. */
export function store({ name, accepted, suffixRows }: Trace): StoredTrace {
  const written = (values: readonly number[]) =>
    values.map((value) => Math.min(value, DIGITS - 1).toString(DIGITS)).join("");
  return {
    name,
    accepted: Object.fromEntries(
      Object.entries(accepted).map(([key, values]) => [key, written(values)]),
    ),
    suffixRows: written(suffixRows),
  };
}

/** The trace of a file. */
export function restore({ name, accepted, suffixRows }: StoredTrace): Trace {
  const read = (text: string) => [...text].map((digit) => parseInt(digit, DIGITS));
  return {
    name,
    length: suffixRows.length,
    accepted: Object.fromEntries(
      Object.entries(accepted).map(([key, text]) => [key, read(text)]),
    ),
    suffixRows: read(suffixRows),
  };
}

/** Traces one behind another. All must be of the same drafters. */
export function joined(name: string, traces: readonly Trace[]): Trace {
  return {
    name,
    length: traces.reduce((sum, { length }) => sum + length, 0),
    accepted: Object.fromEntries(
      Object.keys(traces[0].accepted).map((
        key,
      ) => [key, traces.flatMap(({ accepted }) => accepted[key])]),
    ),
    suffixRows: traces.flatMap(({ suffixRows }) => suffixRows),
    starts: traces.map((_, i) => traces.slice(0, i).reduce((sum, { length }) => sum + length, 0)),
  };
}

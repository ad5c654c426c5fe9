/**
 * What a benchmark is: prompts in tasks, and how its answers are judged where they can be.
 *
 * @module
 */
import type { Row } from "./rows.ts";

/** Runs a Python program where it can do no harm. */
export interface CodeRunner {
  /** Whether `program` comes to its end without an error within the limits. */
  passes(program: string, signal?: AbortSignal): Promise<boolean>;
}

/** One prompt, of one turn or several. */
export interface Problem {
  /** Its name within the benchmark. */
  readonly id: string;
  /** The task that it belongs to; figures are of tasks. */
  readonly task: string;
  /** What the user says: the first turn, and what follows each answer. */
  readonly turns: readonly string[];
  /** Whether the answer to the last turn is right; absent where that cannot be told. */
  readonly grade?: (answer: string, code: CodeRunner | undefined) => boolean | Promise<boolean>;
}

/** What the share of right answers is called, and what it takes to know it. */
export interface Measure {
  /** Its name in reports. */
  readonly name: string;
  /** Whether answers are code that has to be run. */
  readonly runsCode: boolean;
}

/** Where the data of a benchmark is. */
export interface PublishedData {
  /** What its file may be called; the first that is there is read. */
  readonly files: readonly string[];
  /** Where it is published, as an end of a sentence. */
  readonly published: string;
}

/** A benchmark of the registry. */
export interface Benchmark {
  /** Its name on the command line. */
  readonly name: string;
  /** What it is, in a line. */
  readonly summary: string;
  /** Its data; absent where the file is named by the user. */
  readonly data?: PublishedData;
  /** How its answers are judged, where they are. */
  readonly measure?: Measure;
  /** The problem of a row of its file. Throws code `"benchmark_file"` where the row is not as it should be. */
  problem(row: Row): Problem;
}

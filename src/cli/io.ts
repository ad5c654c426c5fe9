/**
 * Standard input, output and error, as commands see them; tests give their own.
 *
 * @module
 */

import { environmentVariable } from "../base/environment.ts";

/** Somewhere that text goes to. */
export interface Output {
  /** Whether a person looks at it. */
  readonly isTerminal: boolean;
  /** Whether colours may be used unasked: on a terminal that has them, unless NO_COLOR is set. */
  readonly color: boolean;
  /** Columns to lay text out for: COLUMNS where it is set, else those of the terminal, else 80. */
  readonly columns: number;
  /** Writes text, letting signals come through while a reader is slow. */
  write(text: string): Promise<void>;
  /** Writes text at once. */
  writeSync(text: string): void;
}

/** Where bytes come from. */
export interface Input {
  /** Whether a person types them. */
  readonly isTerminal: boolean;
  /** All bytes up to the end. */
  readAll(): Promise<Uint8Array>;
}

/** The three streams of a command. */
export interface Io {
  /** What the command reads. */
  readonly stdin: Input;
  /** What was asked for. */
  readonly stdout: Output;
  /** What people want to know besides. */
  readonly stderr: Output;
}

/**
 * Columns that a table on `output` must fit into. A pipe or a file gets it whole, a row a line: a program
 * may read it.
 */
export function tableColumns({ isTerminal, columns }: Output): number {
  return isTerminal ? columns : Infinity;
}

const WITHOUT_TERMINAL = 80;

function columnsOf(isTerminal: boolean): number {
  const set = Number(environmentVariable("COLUMNS"));
  if (Number.isSafeInteger(set) && set > 0) return set;
  try {
    return isTerminal ? Deno.consoleSize().columns || WITHOUT_TERMINAL : WITHOUT_TERMINAL;
  } catch {
    return WITHOUT_TERMINAL; // some consoles do not tell
  }
}

type Stream = typeof Deno.stdout | typeof Deno.stderr;

function output(stream: Stream): Output {
  const isTerminal = stream.isTerminal();
  const encoder = new TextEncoder();
  return {
    isTerminal,
    color: isTerminal && !Deno.noColor && environmentVariable("TERM") !== "dumb",
    get columns() {
      return columnsOf(isTerminal); // anew each time: windows change
    },
    async write(text) {
      const bytes = encoder.encode(text);
      for (let at = 0; at < bytes.length;) at += await stream.write(bytes.subarray(at));
    },
    writeSync(text) {
      const bytes = encoder.encode(text);
      for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
    },
  };
}

/** The streams of this process. */
export function processIo(): Io {
  return {
    stdin: {
      isTerminal: Deno.stdin.isTerminal(),
      readAll: async () => new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer()),
    },
    stdout: output(Deno.stdout),
    stderr: output(Deno.stderr),
  };
}

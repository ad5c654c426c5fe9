/**
 * Standard input, output and error, as commands see them; tests give their own.
 *
 * @module
 */

import { environmentVariable } from "../../base/environment.ts";
import { SpecMQuantError } from "../../base/errors.ts";
import { fileError } from "../../base/system_error.ts";

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
  /** Its lines as they come, without what ends them. Code `"file"` where they are not UTF-8. */
  lines(): AsyncIterable<string>;
}

/** The three streams of a command. */
export interface Io {
  /** What the command reads. */
  readonly stdin: Input;
  /** What was asked for. */
  readonly stdout: Output;
  /** What people want to know besides; that it cannot be written is no error. */
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

/** What a process writes to; a file that is open does as well. */
export type Stream = Pick<Deno.FsFile, "isTerminal" | "write" | "writeSync">;

/** Hears of what could not be written: throws it in the words of this project, or lets it be. */
type Failed = (error: unknown) => void;

function output(stream: Stream, failed: Failed): Output {
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
      try {
        for (let at = 0; at < bytes.length;) at += await stream.write(bytes.subarray(at));
      } catch (error) {
        failed(error);
      }
    },
    writeSync(text) {
      const bytes = encoder.encode(text);
      try {
        for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
      } catch (error) {
        failed(error);
      }
    },
  };
}

/** What was asked for, which has to arrive; that nobody reads on is told from a disk that is full. */
export function standardOutput(stream: Stream): Output {
  return output(stream, (error) => {
    const gone = error instanceof Deno.errors.BrokenPipe;
    throw gone ? error : fileError("write", "standard output", error);
  });
}

/** What people may want to know: whoever does not is not worth the work that goes on. */
export function standardError(stream: Stream): Output {
  return output(stream, () => {});
}

/** The lines of UTF-8 bytes; the last may lack its end. */
export async function* linesOf(
  bytes: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const decode = (piece?: Uint8Array): string => {
    try {
      return decoder.decode(piece, { stream: piece !== undefined });
    } catch (cause) {
      throw new SpecMQuantError("file", "Cannot read standard input: its bytes are not UTF-8", {
        cause,
      });
    }
  };
  let rest = "";
  for await (const piece of bytes) {
    const lines = (rest + decode(piece)).split("\n");
    rest = lines.pop()!;
    yield* lines.map((line) => line.replace(/\r$/, ""));
  }
  rest += decode();
  if (rest !== "") yield rest.replace(/\r$/, "");
}

/** The streams of this process. */
export function processIo(): Io {
  return {
    stdin: {
      isTerminal: Deno.stdin.isTerminal(),
      async readAll() {
        try {
          return new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer());
        } catch (error) {
          throw fileError("read", "standard input", error);
        }
      },
      lines: () => linesOf(Deno.stdin.readable),
    },
    stdout: standardOutput(Deno.stdout),
    stderr: standardError(Deno.stderr),
  };
}

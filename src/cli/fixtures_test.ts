/**
 * Standard streams that tests look into.
 *
 * @module
 */
import { type Io, linesOf, type Output } from "./terminal/io.ts";

/** An output that keeps what it gets. */
export class TestOutput implements Output {
  isTerminal: boolean;
  color: boolean;
  columns: number;
  text = "";

  constructor(isTerminal = false, columns = 80) {
    this.isTerminal = this.color = isTerminal;
    this.columns = columns;
  }

  write(text: string): Promise<void> {
    this.writeSync(text);
    return Promise.resolve();
  }

  writeSync(text: string): void {
    this.text += text;
  }
}

/** Streams for a command; standard input is a terminal where no bytes are given. */
export function testIo(
  options: { terminal?: boolean; columns?: number; stdin?: string | Uint8Array<ArrayBuffer> } = {},
): Io & {
  stdout: TestOutput;
  stderr: TestOutput;
} {
  const { terminal = false, columns, stdin } = options;
  const bytes = typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin;
  return {
    stdin: {
      isTerminal: bytes === undefined,
      readAll: () => Promise.resolve(bytes ?? new Uint8Array()),
      lines: () => linesOf(new Blob(bytes ? [bytes] : []).stream()),
    },
    stdout: new TestOutput(terminal, columns),
    stderr: new TestOutput(terminal, columns),
  };
}

/**
 * What the server says of its work: one line of JSON an event, without a word of any prompt or answer.
 *
 * @module
 */

/** What a line may hold. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Where lines go to. */
export interface Log {
  /** Writes the line of `event`. */
  write(event: string, fields?: LogFields): void;
}

/** A log whose lines, each with its newline, go to `write`. */
export function jsonLog(write: (line: string) => void): Log {
  return {
    write(event, fields = {}) {
      write(`${JSON.stringify({ time: new Date().toISOString(), event, ...fields })}\n`);
    },
  };
}

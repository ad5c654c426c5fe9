/**
 * How far a long piece of work has come, on standard error.
 *
 * @module
 */
import type { Output } from "./io.ts";
import { textWidth } from "./width.ts";

const WIDTH = 24;

/** Milliseconds between two looks at a bar, and between two lines where nobody looks. */
const BAR_MS = 100;
const LINE_MS = 10_000;

/** What a progress bar may be told. */
export interface ProgressOptions {
  /** Whether to write a line now and then where the output is no terminal; not where absent. */
  readonly lines?: boolean;
  /** The time in milliseconds; a test's own clock. */
  readonly now?: () => number;
}

/** A bar with the time left, redrawn in its line. Disposing it clears the line. */
export class Progress implements Disposable {
  readonly #output: Output;
  readonly #lines: boolean;
  readonly #now: () => number;
  #label = "";
  #started = 0;
  #startedWith = 0;
  #written = -Infinity;
  #drawn = false;

  /** A bar on `output`; nothing is written before the first `update`. */
  constructor(output: Output, options: ProgressOptions = {}) {
    this.#output = output;
    this.#lines = options.lines ?? false;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Says that `done` of `total` is done, and what else there is to say; another label starts the time anew. What is
   * done at the first word of a label took no time: it was done before.
   */
  update(label: string, done: number, total: number, detail = ""): void {
    const now = this.#now();
    if (label !== this.#label) {
      this.#label = label;
      this.#started = now;
      this.#startedWith = done;
      // A bar may show at once; a line is written only for what takes long.
      this.#written = this.#output.isTerminal ? -Infinity : now;
    }
    const bar = this.#output.isTerminal;
    if ((!bar && !this.#lines) || now - this.#written < (bar ? BAR_MS : LINE_MS)) return;
    this.#written = now;
    const share = total > 0 ? Math.min(1, done / total) : 1;
    const elapsed = now - this.#started;
    const made = done - this.#startedWith;
    const left = made > 0 && elapsed > 500
      ? `  ${duration(elapsed * Math.max(0, total - done) / made)} left`
      : "";
    const percent = `${Math.floor(share * 100)}%`.padStart(5);
    const more = detail === "" ? "" : `  ${detail}`;
    if (!bar) return this.#output.writeSync(`${label}${percent}${left}${more}\n`);
    const full = Math.round(share * WIDTH);
    const drawn = "#".repeat(full) + "-".repeat(WIDTH - full);
    // A line that is broken cannot be drawn over.
    const line = `${label} [${drawn}]${percent}${left}${more}`;
    this.#output.writeSync(`\r\x1b[K${cut(line, this.#output.columns - 1)}`);
    this.#drawn = true;
  }

  /** Removes the bar from its line. */
  clear(): void {
    if (this.#drawn) this.#output.writeSync("\r\x1b[K");
    this.#drawn = false;
  }

  /** See `clear`. */
  [Symbol.dispose](): void {
    this.clear();
  }
}

/** The start of `text` that has at most `width` columns. */
function cut(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let end = text.length;
  while (end > 0 && textWidth(text.slice(0, end)) > width) end--;
  return text.slice(0, end);
}

/** Milliseconds as `m:ss`, or with hours. */
function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  const pad = (value: number) => `${value}`.padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}

/**
 * Says what a long build is doing, so that nobody takes it for dead.
 *
 * @module
 */
import type { Output } from "../../src/cli/terminal/io.ts";

/** Milliseconds between two looks at the clock. */
const TICK_MS = 500;

/** Milliseconds of silence after which a line says that work goes on. */
const SILENT_MS = 3000;

/** Settings of a reporter; a test has its own. */
export interface ReporterOptions {
  /** Whether to write one line over and over; where absent, on a terminal that can, but for CI. */
  readonly rewrite?: boolean;
  /** The time in milliseconds. */
  readonly now?: () => number;
  /** Milliseconds between two looks at the clock; 0 for none. */
  readonly tickMs?: number;
  /** Milliseconds of silence after which a line is written. */
  readonly silentMs?: number;
  /** How many signs a line of the terminal has. */
  readonly columns?: () => number;
}

function columns(): number {
  try {
    return Deno.consoleSize().columns || 80; // a terminal may not know
  } catch {
    return 80; // standard input is no terminal
  }
}

/** One rewritten line on a terminal, elsewhere a line for each step and for each long silence. */
export class Reporter implements Disposable {
  readonly #output: Output;
  readonly #rewrite: boolean;
  readonly #now: () => number;
  readonly #silentMs: number;
  readonly #columns: () => number;
  readonly #started: number;
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #written: number;
  #step = "";
  #detail: () => string = () => this.#step;

  /** A reporter on `output`, whose clock starts now. */
  constructor(output: Output, options: ReporterOptions = {}) {
    this.#output = output;
    this.#rewrite = options.rewrite ?? (output.color && !Deno.env.get("CI"));
    this.#now = options.now ?? (() => performance.now());
    this.#silentMs = options.silentMs ?? SILENT_MS;
    this.#columns = options.columns ?? columns;
    this.#started = this.#written = this.#now();
    const tickMs = options.tickMs ?? TICK_MS;
    if (tickMs > 0) this.#timer = setInterval(() => this.tick(), tickMs);
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (this.#now() - this.#started) / 1000;
  }

  /** Says what is begun. `detail` says, while it lasts, what is under way; the same where absent. */
  step(text: string, detail?: () => string): void {
    this.#step = text;
    this.#detail = detail ?? (() => text);
    if (this.#rewrite) this.#draw(text);
    else this.line(text);
  }

  /** Writes a line that stays. */
  line(text: string): void {
    this.#write(`${this.#rewrite ? "\r\x1b[K" : ""}${text}\n`);
  }

  /** Looks at the clock: says that work goes on where nothing was said for long. */
  tick(): void {
    if (this.#step === "") return;
    if (this.#rewrite) this.#draw(this.#detail());
    else if (this.#now() - this.#written >= this.#silentMs) {
      this.line(`${this.seconds.toFixed(0)} s: ${this.#detail()}`);
    }
  }

  #draw(text: string): void {
    const seconds = `${this.seconds.toFixed(0)} s`;
    const line = `${seconds.padStart(5)}  ${text}`.slice(0, Math.max(1, this.#columns() - 1));
    this.#write(`\r\x1b[K${line}`);
  }

  #write(text: string): void {
    this.#written = this.#now();
    try {
      this.#output.writeSync(text);
    } catch (error) {
      // Nobody reads on, as in `... | head`; the build goes on.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  }

  /** Ends: clears the rewritten line. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (this.#rewrite && this.#step !== "") this.#write("\r\x1b[K");
    this.#step = "";
  }
}

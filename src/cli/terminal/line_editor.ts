/**
 * Lines that a person types, with what Node's readline gives: editing, a history, completion.
 *
 * @module
 */
import type nodeProcess from "node:process";
import type { Interface } from "node:readline";
import { LINE_END, MARK_PASTES, Pasted, UNMARK_PASTES } from "./pasted.ts";

type Process = typeof nodeProcess;

/** What a person did: entered a line, pressed Ctrl-C at one, or ended the input with Ctrl-D. */
export type Entry =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "interrupt"; readonly empty: boolean }
  | { readonly kind: "end" };

/** Most lines of the history. */
const HISTORY = 1000;

/** A terminal to type lines into. It is the terminal's only reader until it is disposed. */
export class LineEditor implements Disposable {
  readonly #lines: Interface;
  readonly #process: Process;
  readonly #entries: Entry[] = [];
  #waiting?: (entry: Entry) => void;
  #ended = false;

  private constructor(lines: Interface, process: Process) {
    this.#lines = lines;
    this.#process = process;
    lines.on(
      "line",
      (line: string) => this.#hear({ kind: "line", text: line.replaceAll(LINE_END, "\n") }),
    );
    lines.on("SIGINT", () => this.#hear({ kind: "interrupt", empty: lines.line === "" }));
    lines.on("close", () => {
      this.#ended = true;
      this.#hear({ kind: "end" });
    });
  }

  /** Opens the terminal of this process; `complete` gives what a line may become. */
  static async open(complete: (line: string) => readonly string[]): Promise<LineEditor> {
    // What is Node's is loaded where there is a terminal.
    const [{ createInterface }, { PassThrough }, { default: process }] = await Promise.all([
      import("node:readline"),
      import("node:stream"),
      import("node:process"),
    ]);
    const pasted = new Pasted();
    const input = Object.assign(new PassThrough(), {
      isTTY: true,
      setRawMode: (raw: boolean) => process.stdin.setRawMode(raw),
    });
    process.stdin.setEncoding("utf8");
    process.stdin.on("data", (text: string) => input.write(pasted.take(text)));
    process.stdin.on("end", () => input.end());
    process.stdout.write(MARK_PASTES);
    const lines = createInterface({
      input,
      output: process.stdout,
      terminal: true,
      historySize: HISTORY,
      removeHistoryDuplicates: true,
      completer: (line: string) => [complete(line), line],
    });
    return new LineEditor(lines, process);
  }

  /** What a person does next, behind `prompt`. */
  next(prompt: string): Promise<Entry> {
    const entry = this.#entries.shift();
    if (entry !== undefined) return Promise.resolve(entry);
    if (this.#ended) return Promise.resolve({ kind: "end" });
    this.#lines.setPrompt(prompt);
    this.#lines.prompt();
    return new Promise((resolve) => this.#waiting = resolve);
  }

  /** Empties the line at hand, and goes to the next. */
  discard(): void {
    // Moves to the end and deletes to the start, as keys would.
    this.#lines.write(null, { ctrl: true, name: "e" });
    this.#lines.write(null, { ctrl: true, name: "u" });
    this.#process.stdout.write("\n");
  }

  /**
   * Runs `work`, which writes to the terminal, with a signal that Ctrl-C aborts; it does nothing else meanwhile. What is typed
   * is kept for later.
   */
  async during<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const interrupt = () => controller.abort(new DOMException("interrupted", "AbortError"));
    this.#process.stdin.pause();
    this.#process.stdin.setRawMode(false);
    Deno.addSignalListener("SIGINT", interrupt);
    try {
      return await work(controller.signal);
    } finally {
      Deno.removeSignalListener("SIGINT", interrupt);
      this.#process.stdin.setRawMode(true);
      this.#process.stdin.resume();
    }
  }

  #hear(entry: Entry): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#entries.push(entry);
    else waiting(entry);
  }

  /** Gives the terminal back as it was. */
  [Symbol.dispose](): void {
    this.#ended = true;
    this.#lines.close();
    this.#process.stdout.write(UNMARK_PASTES);
    this.#process.stdin.setRawMode(false);
    this.#process.stdin.pause();
    this.#process.stdin.unref();
  }
}

/**
 * A program at a terminal, as a person has it: util-linux's `script` makes the terminal.
 *
 * @module
 */

/** Why there is no terminal to be had, or null. */
export function noTerminal(): string | null {
  try {
    const { stdout } = new Deno.Command("script", { args: ["--version"], stderr: "null" })
      .outputSync();
    const text = new TextDecoder().decode(stdout);
    return text.includes("util-linux") ? null : "script is not that of util-linux";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "there is no script of util-linux";
    throw error;
  }
}

/** What begins a control of a terminal. */
export const ESCAPE = "\x1b";

const CONTROLS = new RegExp(String.raw`${ESCAPE}\[[0-9;?]*[A-Za-z]|\r`, "g");

/** What a person waits for at most. */
const PATIENCE_MS = 60_000;

/** A program under way at a terminal of its own. */
export class Terminal implements AsyncDisposable {
  /** Everything that it has written. */
  raw = "";
  readonly #process: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #reading: Promise<void>;
  #seen = 0;
  #wake = () => {};

  /** Starts a program; no word of it may need quotes. */
  constructor(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const { NO_COLOR: _, ...inherited } = Deno.env.toObject();
    const process = new Deno.Command("script", {
      args: ["-qefc", `exec ${words.join(" ")}`, "/dev/null"],
      // A terminal has colours, whatever the shell says that runs the tests.
      clearEnv: true,
      env: { ...inherited, TERM: "xterm-256color", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#process = process;
    this.#keys = process.stdin.getWriter();
    this.#reading = (async () => {
      for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
        this.raw += text;
        this.#wake();
      }
    })();
  }

  /** What it has written since the last look, without controls. */
  get fresh(): string {
    return this.raw.slice(this.#seen).replaceAll(CONTROLS, "");
  }

  /** Presses keys. */
  async type(keys: string): Promise<void> {
    await this.#keys.write(new TextEncoder().encode(keys));
  }

  /** Waits until it writes something, and gives what it has written since the last look. */
  async until(words: RegExp): Promise<string> {
    const end = Date.now() + PATIENCE_MS;
    while (!words.test(this.fresh)) {
      const left = end - Date.now();
      if (left <= 0) throw new Error(`no ${words} in ${JSON.stringify(this.fresh)}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, left);
      if (!words.test(this.fresh)) await promise;
      clearTimeout(timer);
    }
    const text = this.fresh;
    this.#seen = this.raw.length;
    return text;
  }

  /** Waits for its end; gives its exit code. */
  async end(): Promise<number> {
    const { code } = await this.#process.status;
    await this.#reading;
    return code;
  }

  /** Ends it, where it has not ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#keys.close().catch(() => {});
    await this.end();
  }
}

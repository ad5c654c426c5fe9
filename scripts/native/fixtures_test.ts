/**
 * Checkouts in small: the real scripts and the real `CMakeLists.txt`, and sources that compile at once.
 *
 * @module
 */
import { root } from "./run.ts";

/** A name that breaks what takes URLs for paths, or paths for lists of words. */
export const AWKWARD = "ü #%25 x,y";

function* files(folder: string, ending: string): Generator<string> {
  for (const entry of Deno.readDirSync(`${root}${folder}`)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* files(path, ending);
    else if (path.endsWith(ending)) yield path;
  }
}

function copy(path: string, to: string): void {
  Deno.mkdirSync(`${to}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
  Deno.copyFileSync(`${root}${path}`, `${to}/${path}`);
}

/** Makes one whose C++ sources are empty in the folder `at`. */
export function miniature(at: string): void {
  const native = ["CMakeLists.txt", "include/specmquant.h", "common/exports.map"];
  const scripts = ["src/base", "src/cli/terminal", "scripts"].flatMap((folder) => [
    ...files(folder, ".ts"),
  ]);
  for (const path of [...native.map((path) => `cuda/${path}`), ...scripts]) copy(path, at);
  const empty = ["cuda/common/error.cpp", "cuda/cpu/context.h", ...files("cuda/cpu", ".cpp")];
  for (const path of empty) {
    Deno.mkdirSync(`${at}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    Deno.writeTextFileSync(`${at}/${path}`, "");
  }
  Deno.writeTextFileSync(`${at}/deno.json`, "{}");
}

/** A checkout as users have it, but for the sources of the libraries, in the folder `at`. */
export function checkout(at: string): void {
  const folders = ["src", "scripts", "vendor"].flatMap((folder) => [...files(folder, "")]);
  for (const path of ["mod.ts", "deno.json", "deno.lock", ...folders]) copy(path, at);
  copy("build/libspecmquant_cpu.so", at);
  Deno.symlinkSync(`${root}models`, `${at}/models`);
}

/** The command lines of all processes. */
export function commandLines(): string[] {
  return [...Deno.readDirSync("/proc")].flatMap(({ name }) => {
    try {
      return /^\d+$/.test(name) ? [Deno.readTextFileSync(`/proc/${name}/cmdline`)] : [];
    } catch {
      return []; // it has ended
    }
  });
}

/** A build under way. */
export class Build implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #ended: Promise<unknown>;
  /** What it has said so far. */
  text = "";

  /** Starts the build of the checkout `at`. */
  constructor(at: string) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", `${at}/scripts/build.ts`],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#ended = this.#read();
  }

  async #read(): Promise<void> {
    for await (const part of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.text += part;
    }
  }

  /** Waits until it has said what matches, and fails where it ends without, or in a minute has not. */
  async says(pattern: RegExp): Promise<void> {
    const start = performance.now();
    let ended = false;
    this.#child.status.then(() => ended = true);
    while (!pattern.test(this.text)) {
      if (ended || performance.now() - start > 60_000) {
        throw new Error(`it did not say ${pattern}:\n${this.text}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Sends it a signal, to it alone. */
  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits for its end; its exit code. */
  async code(): Promise<number> {
    await this.#ended;
    return (await this.#child.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended.
    }
    await this.code();
  }
}

/** Makes a source that a compiler waits for until `release`: a pipe. */
export class Held {
  readonly #path: string;

  /** Of the source at `path`. */
  constructor(path: string) {
    this.#path = path;
    Deno.removeSync(path);
    const { success } = new Deno.Command("mkfifo", { args: [path] }).outputSync();
    if (!success) throw new Error(`mkfifo ${path} failed`);
  }

  /** Lets the compiler have an empty source; from now on it is a file. */
  async release(): Promise<void> {
    // Both ends, so that it opens where nobody reads any longer.
    (await Deno.open(this.#path, { read: true, write: true })).close();
    Deno.removeSync(this.#path);
    Deno.writeTextFileSync(this.#path, "");
  }
}

/**
 * Starts the programs that build the native libraries, and ends them in good order.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** The folder of the repository, with a slash behind it. */
export const root = fileURLToPath(new URL("../..", import.meta.url));

/** A failure that the user can do something about; printed without a stack. */
export class BuildError extends Error {
  override name = "BuildError";

  /** `exitCode` is what the script then exits with. */
  constructor(message: string, readonly exitCode = 1) {
    super(message);
  }
}

/** What a shell calls an end by Ctrl-C. */
const INTERRUPTED = 130;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** How a program is run. */
export interface RunOptions {
  /** Gets each line of its standard output as it comes. */
  readonly onLine?: (line: string) => void;
  /** Set in its environment, beside what is set here. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Reads text to its end, keeping all of it and giving its lines away. */
async function read(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (line: string) => void = () => {},
): Promise<string> {
  let text = "";
  let from = 0;
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    for (let end; (end = text.indexOf("\n", from)) !== -1; from = end + 1) {
      onLine(text.slice(from, end));
    }
  }
  return text;
}

/** Ends a process and all that it started. */
function end(pid: number): void {
  try {
    Deno.kill(-pid, "SIGTERM");
  } catch (error) {
    // All have ended already.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Runs a program; what it printed is shown only when it fails. Ctrl-C ends it and all that it started,
 * and is waited for, so that compilers can remove what they have half written.
 *
 * @throws {BuildError} where it fails or is interrupted.
 */
export async function run(
  command: string,
  args: readonly string[],
  { onLine, env }: RunOptions = {},
): Promise<void> {
  // In a process group of its own, which a signal reaches as a whole, wherever it came from.
  const child = new Deno.Command(command, {
    args: [...args],
    env: { ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    detached: true,
  }).spawn();
  let interrupted = false;
  const interrupt = () => {
    interrupted = true;
    end(child.pid);
  };
  for (const signal of SIGNALS) Deno.addSignalListener(signal, interrupt);
  try {
    // The streams end when the last of what it started has ended.
    const [stdout, stderr, { code }] = await Promise.all([
      read(child.stdout, onLine),
      read(child.stderr),
      child.status,
    ]);
    if (interrupted) {
      throw new BuildError("Cannot build the native library: interrupted", INTERRUPTED);
    }
    if (code === 0) return;
    throw new BuildError(
      `${stdout}${stderr}Cannot build the native library: \`${command} ${args[0]}\` ended with ` +
        `${code}, expected 0.`,
    );
  } finally {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, interrupt);
    end(child.pid);
  }
}

/** Whether a program can be started. */
export async function exists(command: string): Promise<boolean> {
  try {
    await new Deno.Command(command, { args: ["--version"], stdout: "null", stderr: "null" })
      .output();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Whether a path is there. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs a script's body: prints its `BuildError` and exits with its code. */
export async function script(body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(error.message);
    Deno.exit(error.exitCode);
  }
}

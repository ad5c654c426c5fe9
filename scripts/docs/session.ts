/**
 * A shell at a terminal in a checkout that can be written to: where the commands of a document are run.
 *
 * @module
 */
import { root } from "../native/run.ts";

/** Columns of the terminal: what fits into a page. */
const COLUMNS = 100;

/** Milliseconds that a command may take. */
const PATIENCE_MS = 300_000;

/** Milliseconds that a shell may take to end what it has started. */
const GOODBYE_MS = 15_000;

/** The port that documents write. The shell has one that is free in its place. */
const PORT = "8000";

/** What the documents call the checkout. */
const CHECKOUT = "~/specmquant";

/** Reads the paths of commands to run, and says with what code each ended. */
const DRIVER = `
stty -echo cols ${COLUMNS} rows 50
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
printf '\\0ready\\0'
while IFS= read -r file; do
  source "$file" < /dev/null
  printf '\\0%d\\0' $?
done
`;

/** How a command ended. */
export interface Outcome {
  /** Its exit code; of one in the background 0. */
  readonly code: number;
  /** What it sent to the terminal. */
  readonly sent: string;
}

/** A shell. Its folder looks like the checkout, and what is written goes away with it. */
export class ShellSession implements AsyncDisposable {
  readonly #dir: string;
  readonly #denoDir: string;
  readonly #process: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #reading: Promise<void>;
  readonly #port: string;
  #sent = "";
  #ended = false;
  #wake = () => {};
  #count = 0;

  private constructor(dir: string, env: Record<string, string>, port: string) {
    this.#dir = dir;
    this.#denoDir = env.DENO_DIR;
    this.#port = port;
    const process = new Deno.Command("script", {
      args: ["-qefc", `exec bash --norc --noprofile ${dir}/driver.sh`, "/dev/null"],
      cwd: `${dir}/specmquant`,
      clearEnv: true,
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#process = process;
    this.#keys = process.stdin.getWriter();
    this.#reading = (async () => {
      for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
        this.#sent += text;
        this.#wake();
      }
      this.#ended = true;
      this.#wake();
    })();
  }

  /** Starts one. `smollm2` is the path of that model, which is then where `deno task smollm2` puts it. */
  static async start(smollm2?: string): Promise<ShellSession> {
    const dir = Deno.realPathSync(Deno.makeTempDirSync());
    const checkout = `${dir}/specmquant`;
    Deno.mkdirSync(checkout);
    for (const { name } of Deno.readDirSync(root)) {
      if (name !== ".git") Deno.symlinkSync(root + name, `${checkout}/${name}`);
    }
    Deno.mkdirSync(`${dir}/.cache/specmquant`, { recursive: true });
    if (smollm2) Deno.symlinkSync(smollm2, `${dir}/.cache/specmquant/smollm2.gguf`);
    Deno.mkdirSync(`${dir}/bin`);
    // What `deno task install` makes.
    const command = `#!/bin/sh\nexec ${Deno.execPath()} run -A ${root}src/cli/main.ts "$@"\n`;
    Deno.writeTextFileSync(`${dir}/bin/specmquant`, command, { mode: 0o755 });
    Deno.writeTextFileSync(`${dir}/driver.sh`, DRIVER);
    const { stdout } = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] })
      .outputSync();
    const env = {
      HOME: dir,
      PATH: `${dir}/bin:${Deno.execPath().replace(/\/[^/]*$/, "")}:${Deno.env.get("PATH")}`,
      DENO_DIR: JSON.parse(new TextDecoder().decode(stdout)).denoDir,
      DENO_NO_UPDATE_CHECK: "1",
      LC_ALL: "C.UTF-8",
      NO_COLOR: "1",
      TERM: "dumb",
    };
    const session = new ShellSession(dir, env, freePort());
    await session.#until((sent) => sent.includes("\0ready\0"));
    return session;
  }

  /** Writes the reader's file `name`. */
  write(name: string, text: string): void {
    Deno.writeTextFileSync(`${this.#dir}/specmquant/${name}`, this.#withPort(text));
  }

  /** Runs a command as it is written in a document. One in the background has begun when it has written a line. */
  async run(command: string): Promise<Outcome> {
    const file = `${this.#dir}/${this.#count++}.sh`;
    Deno.writeTextFileSync(file, `${this.#withPort(command)}\n`);
    this.#sent = "";
    await this.#keys.write(new TextEncoder().encode(`${file}\n`));
    const end = /\0(\d+)\0/;
    const isBehind = /&\s*$/.test(command);
    await this.#until((sent) =>
      end.test(sent) && (!isBehind || sent.replace(end, "").includes("\n"))
    );
    const code = Number(end.exec(this.#sent)![1]);
    return { code, sent: this.#named(this.#sent.replace(end, "")) };
  }

  /** Waits until what was sent is as `isSo` wants it. */
  async #until(isSo: (sent: string) => boolean): Promise<void> {
    const late = setTimeout(() => this.#wake(), PATIENCE_MS);
    const start = Date.now();
    try {
      while (!isSo(this.#sent)) {
        if (this.#ended || Date.now() - start >= PATIENCE_MS) {
          throw new Error(`the shell ${this.#ended ? "ended" : "did not answer"}: ${this.#sent}`);
        }
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      clearTimeout(late);
    }
  }

  #withPort(text: string): string {
    return text.replaceAll(new RegExp(`\\b${PORT}\\b`, "g"), this.#port);
  }

  /** What was sent, with the names that documents have for places. */
  #named(sent: string): string {
    return sent.replaceAll(`${this.#dir}/specmquant`, CHECKOUT).replaceAll(this.#dir, "~")
      .replaceAll(root.replace(/\/$/, ""), CHECKOUT).replaceAll(`:${this.#port}`, `:${PORT}`);
  }

  /** Ends the shell and what it has started. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Ctrl-D.
    await this.#keys.write(new TextEncoder().encode("\x04")).catch(() => {});
    await this.#keys.close().catch(() => {});
    const late = setTimeout(() => this.#process.kill("SIGKILL"), GOODBYE_MS);
    await this.#process.status;
    clearTimeout(late);
    await this.#reading;
    await Deno.remove(this.#dir, { recursive: true });
    // What Deno keeps of modules in that folder, which nobody asks for again.
    await Deno.remove(`${this.#denoDir}/gen/file${this.#dir}`, { recursive: true }).catch(
      (error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      },
    );
  }
}

/** A port that is free. */
function freePort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `${(listener.addr as Deno.NetAddr).port}`;
}

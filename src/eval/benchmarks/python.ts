/**
 * Python that a model wrote, run where it can do no harm: without a network, with a disk that cannot be written to, among
 * processes of its own, and with limits of time and memory.
 *
 * @module
 */
import { SpecMQuantError } from "../../base/errors.ts";
import type { CodeRunner } from "./benchmark.ts";

/** What a program may take. */
export interface CodeLimits {
  /** Seconds, of the clock as of the processor. */
  readonly seconds: number;
  /** Bytes of address space. */
  readonly bytes: number;
}

/** What a program may take where nothing else is said. */
export const CODE_LIMITS: CodeLimits = { seconds: 10, bytes: 2 ** 30 };

/** Bytes of the only folder that can be written to, which is memory, and of one file in it. */
const FOLDER_BYTES = 2 ** 24;

/** Who programs run as where this process is root's: nobody, as no limit of processes holds for root. */
const NOBODY = 65534;

/**
 * Goes into namespaces of users, networks, mounts and processes: in them this process may mount without being root, there
 * is no network but an unconnected loopback, and all processes end with the first. $0 is what goes on there.
 */
const ENTER = `
[ "$(id -u)" != 0 ] || nobody="setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups --"
exec $nobody unshare --user --map-root-user --net --mount --pid --fork --kill-child --mount-proc \\
  -- sh -c "$0" sh "$@"
`;

/**
 * Makes every mount read-only but a new folder in memory, gives up the right to undo that, and becomes Python, which reads
 * its program from standard input and can start neither processes nor threads. $1 is Python, $2 and $3 are the limits.
 */
const SCRIPT = `
mount -t tmpfs -o size=${FOLDER_BYTES} tmpfs /tmp && cd /tmp || exit 99
while read -r _ _ _ _ at _; do
  [ "$at" = /tmp ] || mount -o remount,bind,ro "$(printf %b "$at")" || exit 99
done < /proc/self/mountinfo
exec prlimit --cpu="$2" --as="$3" --fsize=${FOLDER_BYTES} --nproc=1 --core=0 -- \\
  setpriv --bounding-set=-all --inh-caps=-all --no-new-privs -- "$1" -I -B -
`;

/** What every program must come to before any is believed, and what must not come to its end. */
const PROBES: readonly (readonly [program: string, passes: boolean, what: string])[] = [
  ["assert 2 + 2 == 4\n", true, "a program that ends well fails"],
  ["assert 2 + 2 == 5\n", false, "a program that fails ends well"],
  ["import socket\nsocket.create_connection(('127.0.0.1', 9), 1)\n", false, "there is a network"],
  ["open('/var/tmp/x', 'w').close()\n", false, "files can be written"],
  [
    "import os\nos.execv('/bin/mount', ['mount', '-o', 'remount,bind,rw', '/'])\n",
    false,
    "mounts can be made writable again",
  ],
  ["import os\nos.fork()\n", false, "processes can be started"],
];

function refusal(why: string): SpecMQuantError {
  return new SpecMQuantError(
    "run_code",
    `Cannot run code of answers: ${why}, expected python3, and unshare, mount, prlimit and setpriv of ` +
      "util-linux, on a system where users may make namespaces",
  );
}

/** The Pythons there may be; what is called python3 may be a script that looks for one, and takes its time. */
function pythons(): readonly string[] {
  try {
    const { success, stdout } = new Deno.Command("python3", {
      args: ["-I", "-c", "import sys; print(sys.executable)"],
      stderr: "null",
    }).outputSync();
    const found = new TextDecoder().decode(stdout).trim();
    return success && found !== "" ? [found, "/usr/bin/python3"] : [];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

class PythonRunner implements CodeRunner {
  readonly #python: string;
  readonly #limits: CodeLimits;

  constructor(python: string, limits: CodeLimits) {
    this.#python = python;
    this.#limits = limits;
  }

  async passes(program: string, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted();
    const { seconds, bytes } = this.#limits;
    const child = new Deno.Command("sh", {
      args: ["-c", ENTER, SCRIPT, this.#python, `${seconds}`, `${bytes}`],
      // Nothing of this process's environment is a program's business.
      clearEnv: true,
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C.UTF-8" },
      cwd: "/",
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const kill = () => {
      try {
        child.kill("SIGKILL");
      } catch (error) {
        // It has ended by itself.
        if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
      }
    };
    const timer = setTimeout(kill, seconds * 1000);
    signal?.addEventListener("abort", kill);
    try {
      await write(child.stdin, program);
      const { code } = await child.status;
      signal?.throwIfAborted();
      if (code === 99) throw refusal("its mounts cannot be made read-only");
      return code === 0;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", kill);
    }
  }
}

/** Writes all of a program; one that ends before it has read it is judged by how it ends. */
async function write(stream: WritableStream<Uint8Array>, program: string): Promise<void> {
  const writer = stream.getWriter();
  try {
    await writer.write(new TextEncoder().encode(program));
    await writer.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/**
 * A runner of Python programs within `limits`. It has been seen to pass, to fail, and to reach neither network nor disk.
 * Throws code `"run_code"` where it cannot be had.
 */
export async function pythonRunner(limits: CodeLimits = CODE_LIMITS): Promise<CodeRunner> {
  const [[first, , what], ...others] = PROBES;
  const found = pythons();
  for (const python of found) {
    const runner = new PythonRunner(python, limits);
    // One may be where nobody but its owner can read.
    if (!await runner.passes(first)) continue;
    for (const [program, passes, what] of others) {
      if (await runner.passes(program) !== passes) throw refusal(what);
    }
    return runner;
  }
  throw refusal(found.length === 0 ? "python3 does not run" : what);
}

/**
 * Builds the native library of the CPU twin with cmake: `deno run -A scripts/build.ts [--debug]`.
 * The result is `build/libspecmquant_cpu.so`; what is up to date is not built again.
 *
 * @module
 */
import { abiHash } from "./abi_hash.ts";

/** A native library that this script can build: a target of `cuda/CMakeLists.txt`. */
interface Target {
  /** The name of the cmake target. */
  readonly name: string;
  /** The file that it leaves in `build/`. */
  readonly file: string;
}

const cpu: Target = { name: "specmquant_cpu", file: "libspecmquant_cpu.so" };

/** The folder of the repository, with a slash behind it. */
export const root = new URL("..", import.meta.url).pathname;

/** A failure that the user can do something about; printed without a stack. */
export class BuildError extends Error {
  override name = "BuildError";
}

/** Runs a command; its output is shown only when it fails. */
export async function run(command: string, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (code === 0) return;
  await Deno.stderr.write(stdout);
  await Deno.stderr.write(stderr);
  throw new BuildError(
    `Cannot build the native library: \`${command} ${args[0]}\` ended with ${code}, expected 0.`,
  );
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

/** Throws unless cmake and a C++ compiler are there, naming what to install. */
export async function checkTools(): Promise<void> {
  if (!await exists("cmake")) {
    throw new BuildError(
      "Cannot build the native library: cmake is not installed, expected version 3.18 or newer. " +
        "On Debian or Ubuntu: apt install cmake g++",
    );
  }
  // CXX may hold arguments behind the compiler's name, as cmake allows.
  const chosen = Deno.env.get("CXX")?.trim().split(/\s+/)[0];
  const compilers = chosen ? [chosen] : ["c++", "g++", "clang++"];
  for (const compiler of compilers) if (await exists(compiler)) return;
  throw new BuildError(
    `Cannot build the native library: none of ${compilers.join(", ")} is installed, expected a ` +
      "C++17 compiler. On Debian or Ubuntu: apt install g++",
  );
}

/** Configures and builds one target; returns the path of the library. */
async function build(target: Target, debug: boolean): Promise<string> {
  await checkTools();
  const header = await Deno.readTextFile(`${root}cuda/include/specmquant.h`);
  const tree = `${root}build/cmake`;
  await run("cmake", [
    "-S",
    `${root}cuda`,
    "-B",
    tree,
    `-DCMAKE_BUILD_TYPE=${debug ? "Debug" : "Release"}`,
    `-DSMQ_ABI_HASH=0x${abiHash(header).toString(16).padStart(16, "0")}`,
    `-DSMQ_OUTPUT_DIR=${root}build`,
  ]);
  const jobs = String(navigator.hardwareConcurrency);
  await run("cmake", ["--build", tree, "--target", target.name, "--parallel", jobs]);
  return `${root}build/${target.file}`;
}

if (import.meta.main) {
  const unknown = Deno.args.find((argument) => argument !== "--debug");
  try {
    if (unknown !== undefined) {
      throw new BuildError(`Cannot build: unknown argument ${unknown}, expected [--debug].`);
    }
    const start = performance.now();
    const library = await build(cpu, Deno.args.includes("--debug"));
    const bytes = (await Deno.stat(library)).size;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`build/${cpu.file}: ${(bytes / 1024).toFixed(0)} KiB in ${seconds} s`);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(error.message);
    Deno.exit(unknown === undefined ? 1 : 2);
  }
}

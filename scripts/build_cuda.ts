/**
 * Builds the CUDA library with cmake and nvcc:
 * `deno run -A scripts/build_cuda.ts [--arch 80,90a] [--fetch] [--debug | --check]`.
 * The result is `build/libspecmquant.so`; what is up to date is not built again. No GPU is needed.
 * `--check` sees whether it compiles and links, in a third of the time, and leaves no library.
 *
 * @module
 */
import { processIo } from "../src/cli/terminal/io.ts";
import { findCompiler, runtimeFolder } from "./native/cuda_tools.ts";
import { Reporter } from "./native/reporter.ts";
import { BuildError, script } from "./native/run.ts";
import { build, checkTools, compile, type Library, locked } from "./native/tree.ts";

const cuda: Library = { target: "specmquant", file: "libspecmquant.so", tree: "cmake-cuda" };

/** Its own tree: what is compiled there is slow, and must not get into a library that runs. */
const checked: Library = { ...cuda, tree: "cmake-cuda-check" };

/** Every architecture that the library supports; PTX of the last serves later devices. */
const allArchs = ["80", "86", "89", "90a", "100"];

/** What the command line asks for. */
export interface CudaOptions {
  /** Compute capabilities to build for, as nvcc spells them. */
  readonly archs: readonly string[];
  /** Whether to install a compiler from PyPI where none is found. */
  readonly fetch: boolean;
  /** Whether to build without optimisation. */
  readonly debug: boolean;
  /** Whether only to see that it compiles and links. */
  readonly check: boolean;
}

/**
 * Reads the command line.
 *
 * @throws {BuildError} for an argument that is not known.
 */
export function parseCudaOptions(args: readonly string[]): CudaOptions {
  let archs: readonly string[] = allArchs;
  let fetch = false;
  let debug = false;
  let check = false;
  for (let i = 0; i < args.length; ++i) {
    const [name, value] = args[i].split("=", 2);
    if (name === "--arch") {
      archs = (value ?? args[++i] ?? "").split(",");
      const bad = archs.find((arch) => !/^[1-9][0-9]{1,2}[af]?$/.test(arch));
      if (bad !== undefined) {
        throw new BuildError(
          `Cannot build: --arch has "${bad}", expected compute capabilities, e.g. 80,90a.`,
        );
      }
    } else if (args[i] === "--fetch") fetch = true;
    else if (args[i] === "--debug") debug = true;
    else if (args[i] === "--check") check = true;
    else {
      throw new BuildError(
        `Cannot build: unknown argument ${args[i]}, ` +
          "expected [--arch 80,90a] [--fetch] [--debug | --check].",
      );
    }
  }
  if (debug && check) {
    throw new BuildError("Cannot build: --debug and --check are given, expected one of them.");
  }
  return { archs, fetch, debug, check };
}

/** Finds the tools and builds the library, or checks it; what came of it. */
async function buildCuda(
  options: CudaOptions,
  killed: boolean,
  reporter: Reporter,
): Promise<string> {
  const nvcc = await findCompiler(options.fetch, reporter);
  reporter.line(`nvcc: ${nvcc}`);
  reporter.line(`architectures: ${options.archs.join(", ")}`);
  const runtime = await runtimeFolder(nvcc);
  const path = Deno.env.get("LIBRARY_PATH");
  const env: Record<string, string> = runtime
    ? { LIBRARY_PATH: path ? `${runtime}:${path}` : runtime }
    : {};
  const definitions = {
    SMQ_CUDA: "ON",
    CMAKE_CUDA_COMPILER: nvcc,
    SMQ_CUDA_ARCHS: options.archs.join(";"),
    SMQ_CUDA_CHECK: options.check ? "ON" : "OFF",
    CMAKE_BUILD_TYPE: options.debug ? "Debug" : "Release",
  };
  if (options.check) {
    await Deno.remove(await compile(checked, definitions, killed, reporter, env));
    return "compiled, linked and removed";
  }
  const library = await build(cuda, definitions, killed, reporter, env);
  const mebibytes = ((await Deno.stat(library)).size / 2 ** 20).toFixed(1);
  return `build/${cuda.file}: ${mebibytes} MiB`;
}

if (import.meta.main) {
  await script(async () => {
    const options = parseCudaOptions(Deno.args);
    using reporter = new Reporter(processIo().stderr);
    await checkTools();
    await locked(options.check ? checked : cuda, reporter, async (killed) => {
      const result = await buildCuda(options, killed, reporter);
      reporter.line(`${result} in ${reporter.seconds.toFixed(0)} s`);
    });
  });
}

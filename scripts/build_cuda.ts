/**
 * Builds the CUDA library with cmake and nvcc:
 * `deno run -A scripts/build_cuda.ts [--arch 80,90a] [--fetch] [--debug]`.
 * The result is `build/libspecmquant.so`; what is up to date is not built again. No GPU is needed.
 *
 * @module
 */
import { processIo } from "../src/cli/terminal/io.ts";
import { findCompiler, findCutlass, runtimeFolder } from "./cuda_tools.ts";
import { Reporter } from "./native/reporter.ts";
import { BuildError, script } from "./native/run.ts";
import { build, checkTools, type Library, locked } from "./native/tree.ts";

const cuda: Library = { target: "specmquant", file: "libspecmquant.so", tree: "cmake-cuda" };

/** Every architecture that the library supports; PTX of the last serves later devices. */
const allArchs = ["80", "86", "89", "90a", "100"];

/** What the command line asks for. */
export interface CudaOptions {
  /** Compute capabilities to build for, as nvcc spells them. */
  readonly archs: readonly string[];
  /** Whether to install from PyPI what is not found. */
  readonly fetch: boolean;
  /** Whether to build without optimisation. */
  readonly debug: boolean;
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
    else {
      throw new BuildError(
        `Cannot build: unknown argument ${args[i]}, expected [--arch 80,90a] [--fetch] [--debug].`,
      );
    }
  }
  return { archs, fetch, debug };
}

/** Finds the tools and builds the library. */
async function buildCuda(
  options: CudaOptions,
  killed: boolean,
  reporter: Reporter,
): Promise<string> {
  const nvcc = await findCompiler(options.fetch, reporter);
  const cutlass = await findCutlass(options.fetch, reporter);
  reporter.line(`nvcc: ${nvcc}`);
  reporter.line(`CUTLASS: ${cutlass ?? "not needed"}`);
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
    SMQ_CUTLASS_DIR: cutlass ?? "",
    CMAKE_BUILD_TYPE: options.debug ? "Debug" : "Release",
  };
  return await build(cuda, definitions, killed, reporter, env);
}

if (import.meta.main) {
  await script(async () => {
    const options = parseCudaOptions(Deno.args);
    using reporter = new Reporter(processIo().stderr);
    await checkTools();
    await locked(cuda, reporter, async (killed) => {
      const path = await buildCuda(options, killed, reporter);
      const mebibytes = ((await Deno.stat(path)).size / 2 ** 20).toFixed(1);
      reporter.line(`build/${cuda.file}: ${mebibytes} MiB in ${reporter.seconds.toFixed(0)} s`);
    });
  });
}

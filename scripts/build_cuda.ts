/**
 * Builds the CUDA library with cmake and nvcc:
 * `deno run -A scripts/build_cuda.ts [--arch 80,90a] [--fetch] [--debug]`.
 * The result is `build/libspecmquant.so`; what is up to date is not built again. No GPU is needed.
 *
 * @module
 */
import { abiHash } from "./abi_hash.ts";
import { BuildError, checkTools, root, run } from "./build.ts";
import { findCompiler, findCutlass, runtimeFolder } from "./cuda_tools.ts";

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

/** Configures and builds the library; returns its path. */
async function build(options: CudaOptions): Promise<string> {
  await checkTools();
  const nvcc = await findCompiler(options.fetch);
  const cutlass = await findCutlass(options.fetch);
  console.log(`nvcc: ${nvcc}`);
  console.log(`CUTLASS: ${cutlass ?? "not needed"}`);
  console.log(`architectures: ${options.archs.join(", ")}`);
  const runtime = await runtimeFolder(nvcc);
  if (runtime) {
    const path = Deno.env.get("LIBRARY_PATH");
    Deno.env.set("LIBRARY_PATH", path ? `${runtime}:${path}` : runtime);
  }
  const header = await Deno.readTextFile(`${root}cuda/include/specmquant.h`);
  const tree = `${root}build/cmake-cuda`;
  await run("cmake", [
    "-S",
    `${root}cuda`,
    "-B",
    tree,
    "-DSMQ_CUDA=ON",
    `-DCMAKE_CUDA_COMPILER=${nvcc}`,
    `-DSMQ_CUDA_ARCHS=${options.archs.join(";")}`,
    `-DSMQ_CUTLASS_DIR=${cutlass ?? ""}`,
    `-DCMAKE_BUILD_TYPE=${options.debug ? "Debug" : "Release"}`,
    `-DSMQ_ABI_HASH=0x${abiHash(header).toString(16).padStart(16, "0")}`,
    `-DSMQ_OUTPUT_DIR=${root}build`,
  ]);
  const jobs = String(navigator.hardwareConcurrency);
  await run("cmake", ["--build", tree, "--target", "specmquant", "--parallel", jobs]);
  return `${root}build/libspecmquant.so`;
}

if (import.meta.main) {
  try {
    const start = performance.now();
    const library = await build(parseCudaOptions(Deno.args));
    const mebibytes = ((await Deno.stat(library)).size / 2 ** 20).toFixed(1);
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(`build/libspecmquant.so: ${mebibytes} MiB in ${seconds} s`);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(error.message);
    Deno.exit(1);
  }
}

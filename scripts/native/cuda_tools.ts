/**
 * Finds what the CUDA library is built with: the compiler and its runtime, from the system or from PyPI's
 * wheels.
 *
 * @module
 */
import type { Reporter } from "./reporter.ts";
import { BuildError, exists, isThere, root, run } from "./run.ts";

/** PyPI's CUDA compiler: what nvcc, the headers and the static runtime need. */
const compilerWheels = [
  "nvidia-cuda-nvcc==13.0.*",
  "nvidia-cuda-runtime==13.0.*",
  "nvidia-cuda-cccl==13.0.*",
  "nvidia-cuda-crt==13.0.*",
  "nvidia-nvvm==13.0.*",
];

/**
 * Installs wheels into a folder with the first pip that there is; dependencies are not followed. The folder
 * is there once all of them are.
 */
async function install(
  folder: string,
  wheels: readonly string[],
  reporter: Reporter,
): Promise<void> {
  const python = Deno.env.get("PYTHON") ?? "python3";
  if (!await exists(python)) {
    throw new BuildError(
      `Cannot fetch ${wheels[0]}: ${python} is not installed, expected Python 3 with pip.`,
    );
  }
  reporter.step(`installing ${wheels.join(", ")} into ${folder}`);
  const part = `${folder}.part`;
  for (const left of [part, folder]) {
    if (await isThere(left)) await Deno.remove(left, { recursive: true });
  }
  const options = ["--no-deps", "--progress-bar", "off", "--target", part];
  await run(python, ["-m", "pip", "install", ...options, ...wheels], {
    onLine(line) {
      const step = /^ *(Collecting|Downloading|Installing) (.*)$/.exec(line);
      if (step) reporter.step(`${step[1].toLowerCase()} ${step[2]}`);
    },
  });
  await Deno.rename(part, folder);
}

/**
 * The path of nvcc: `CUDACXX`, `$CUDA_HOME/bin`, `PATH`, the usual folder, or PyPI's wheels in
 * `build/cuda-toolkit`, which `fetch` installs where nothing else is found.
 *
 * @throws {BuildError} where there is none.
 */
export async function findCompiler(fetch: boolean, reporter: Reporter): Promise<string> {
  const chosen = Deno.env.get("CUDACXX");
  if (chosen) {
    if (await isThere(chosen)) return chosen;
    throw new BuildError(`Cannot find nvcc: CUDACXX is ${chosen}, expected the path of a file.`);
  }
  const home = Deno.env.get("CUDA_HOME");
  if (home) {
    if (await isThere(`${home}/bin/nvcc`)) return `${home}/bin/nvcc`;
    throw new BuildError(
      `Cannot find nvcc: CUDA_HOME is ${home}, expected a folder with bin/nvcc.`,
    );
  }
  const wheels = `${root}build/cuda-toolkit/nvidia/cu13/bin`;
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/local/cuda/bin", wheels];
  for (const folder of folders) {
    if (folder && await isThere(`${folder}/nvcc`)) return `${folder}/nvcc`;
  }
  if (!fetch) {
    throw new BuildError(
      "Cannot build the CUDA library: nvcc is neither in CUDACXX, CUDA_HOME, PATH, /usr/local/cuda " +
        "nor build/cuda-toolkit, expected version 13.0 or newer. `deno task build:cuda --fetch` " +
        "installs it from PyPI (about 200 MB) into build/cuda-toolkit.",
    );
  }
  await install(`${root}build/cuda-toolkit`, compilerWheels, reporter);
  return `${wheels}/nvcc`;
}

/**
 * The folder with the static CUDA runtime, where nvcc would not find it: PyPI's wheels keep it in `lib`,
 * nvcc looks in `lib64`. Undefined where nothing is to be done.
 */
export async function runtimeFolder(nvcc: string): Promise<string | undefined> {
  const toolkit = (await Deno.realPath(nvcc)).replace(/\/bin\/nvcc$/, "");
  if (await isThere(`${toolkit}/lib64/libcudart_static.a`)) return undefined;
  return await isThere(`${toolkit}/lib/libcudart_static.a`) ? `${toolkit}/lib` : undefined;
}

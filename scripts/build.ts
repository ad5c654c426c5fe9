/**
 * Builds the native library of the CPU twin with cmake: `deno run -A scripts/build.ts [--debug]`.
 * The result is `build/libspecmquant_cpu.so`; what is up to date is not built again.
 *
 * @module
 */
import { processIo } from "../src/cli/terminal/io.ts";
import { Reporter } from "./native/reporter.ts";
import { BuildError, script } from "./native/run.ts";
import { build, checkTools, type Library, locked } from "./native/tree.ts";

const cpu: Library = { target: "specmquant_cpu", file: "libspecmquant_cpu.so", tree: "cmake" };

if (import.meta.main) {
  await script(async () => {
    const unknown = Deno.args.find((argument) => argument !== "--debug");
    if (unknown !== undefined) {
      throw new BuildError(`Cannot build: unknown argument ${unknown}, expected [--debug].`, 2);
    }
    const type = Deno.args.includes("--debug") ? "Debug" : "Release";
    using reporter = new Reporter(processIo().stderr);
    await checkTools();
    await locked(cpu, reporter, async (killed) => {
      const path = await build(cpu, { CMAKE_BUILD_TYPE: type }, killed, reporter);
      const kibibytes = ((await Deno.stat(path)).size / 1024).toFixed(0);
      reporter.line(`build/${cpu.file}: ${kibibytes} KiB in ${reporter.seconds.toFixed(1)} s`);
    });
  });
}

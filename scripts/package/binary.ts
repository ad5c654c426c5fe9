/**
 * Makes one file that runs the command line on a machine with neither a compiler nor Deno:
 *
 *     deno run -A scripts/package/binary.ts [--carry] [--deno FILE] [--library FILE]
 *
 * It comes into `build/packages/specmquant-linux-x64`. With `deno compile`, whose slim runtime Deno fetches, or takes
 * from `DENORT_BIN`; with `--carry` it carries a whole Deno, this one or FILE, and nothing but npm is asked. Either has
 * the CPU library and `models/demo` inside.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { root, script } from "../native/run.ts";
import { carry } from "./carry.ts";
import { checkLibrary } from "./libraries.ts";
import { deno } from "./modules.ts";
import { npmPackages } from "./npm.ts";
import { PREBUILT } from "./prebuilt.ts";

/** The binary's file name. */
export const BINARY = "specmquant-linux-x64";

/** What goes into it beside what the program imports: the library, the models, and what only a Worker runs. */
const INCLUDED = [
  "build/libspecmquant_cpu.so",
  "models/demo",
  "src/quantize/methods/row_worker.ts",
];

/** With `deno compile`: unpacked at its first run, as native libraries have to be files. */
function compiled(out: string): void {
  checkLibrary(`${root}${INCLUDED[0]}`, PREBUILT[0]);
  const flags = ["--quiet", "--no-check", "--allow-all", "--self-extracting"];
  const included = INCLUDED.flatMap((path) => ["--include", path]);
  const names = ["--app-name", "specmquant", "--output", out];
  deno(
    "compile",
    ...flags,
    "--exclude-unused-npm",
    ...included,
    ...names,
    "scripts/package/program.ts",
  );
}

if (import.meta.main) {
  await script(async () => {
    const options = parseArgs(Deno.args, {
      boolean: ["carry"],
      string: ["deno", "library"],
      default: { deno: Deno.execPath(), library: `${root}${INCLUDED[0]}` },
    });
    const folder = `${root}build/packages`;
    Deno.mkdirSync(folder, { recursive: true });
    const out = `${folder}/${BINARY}`;
    if (options.carry) {
      const libraries = [[PREBUILT[0].name, options.library]] as const;
      const tarballs = npmPackages({ libraries, out: folder, types: false });
      await carry(tarballs, options.deno, out);
    } else compiled(out);
    console.log(`${out}: ${(Deno.statSync(out).size / 2 ** 20).toFixed(0)} MiB`);
  });
}

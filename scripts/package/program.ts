/**
 * What packages and the binary run: the command line, and `demo` beside its commands.
 *
 * @module
 */
import { runProgram } from "../../src/cli/program.ts";
import { COMMANDS } from "../../src/cli/registry.ts";
import { processIo } from "../../src/cli/terminal/io.ts";

if (Deno.args[0] === "demo") {
  const { demo } = await import("../demo.ts");
  await demo(Deno.args.slice(1));
} else Deno.exit(await runProgram(Deno.args, COMMANDS, processIo()));

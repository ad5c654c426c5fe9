/**
 * The command line:
 *
 *     deno run -A src/cli/main.ts COMMAND [options]
 *
 * or `deno task specmquant COMMAND [options]`.
 *
 * @module
 */
import { processIo } from "./terminal/io.ts";
import { runProgram } from "./program.ts";
import { COMMANDS } from "./registry.ts";

if (import.meta.main) Deno.exit(await runProgram(Deno.args, COMMANDS, processIo()));

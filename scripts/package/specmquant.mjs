#!/usr/bin/env node
// The command `specmquant` of the npm package. Under Deno it is the program itself; under Node it starts a Deno, the
// one on the PATH or that of the npm package `deno`, since the program needs Deno's API and its calls of native code.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

const program = new URL("../scripts/package/program.js", import.meta.url);

/** The npm package's Deno, or nothing. */
function packaged() {
  const require = createRequire(import.meta.url);
  try {
    return require(require.resolve("deno/install_api.cjs")).runInstall();
  } catch {
    return undefined;
  }
}

function start(command, otherwise) {
  const flags = ["run", "--allow-all", "--no-config", "--node-modules-dir=manual"];
  const args = [...flags, fileURLToPath(program), ...process.argv.slice(2)];
  const child = spawn(command, args, { stdio: "inherit" });
  child.on("error", (error) => {
    if (error.code === "ENOENT") return otherwise();
    console.error(`Cannot run ${command}: ${error.message}`);
    process.exit(1);
  });
  // Ctrl-C reaches both; what is sent to this process alone is handed on.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

if (globalThis.Deno !== undefined) await import(program.href);
else {
  start("deno", () => {
    const none = () => {
      console.error(
        "Cannot start: there is no Deno on the PATH and no npm package deno, expected one of them; " +
          "`npm install deno` has it",
      );
      process.exit(1);
    };
    const found = packaged();
    if (found === undefined) none();
    else start(found, none);
  });
}

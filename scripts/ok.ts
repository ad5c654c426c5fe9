/**
 * Every check but the tests, one after the other:
 *
 *     deno run -A scripts/ok.ts
 *
 * prints a line for each, the output of those that fail, and exits with 1 if one did.
 * `deno task ok` runs the tests as well.
 *
 * @module
 */

const ROOT = new URL("../", import.meta.url);

function* modules(dir: URL, path: string): Generator<string> {
  for (const entry of Deno.readDirSync(dir)) {
    const name = path + entry.name;
    if (entry.isDirectory) yield* modules(new URL(`${entry.name}/`, dir), `${name}/`);
    else if (/(?<!_test)\.ts$/.test(name)) yield name;
  }
}

const CHECKS: ReadonlyArray<[name: string, args: readonly string[]]> = [
  ["format", ["fmt", "--check"]],
  ["lint", ["lint"]],
  ["types", ["check"]],
  ["symbols up to date", ["run", "-A", "scripts/symbols/symbols.ts", "--check"]],
  ["floors", ["run", "-A", "scripts/floors.ts"]],
  ["docs", ["doc", "--lint", "mod.ts", ...[...modules(new URL("src/", ROOT), "src/")].sort()]],
];

/** Runs `deno` with `args`, prints one line and what it said if it failed; whether it passed. */
function run(name: string, args: readonly string[]): boolean {
  const start = performance.now();
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
  }).outputSync();
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${success ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
  if (!success) {
    Deno.stdout.writeSync(stdout);
    Deno.stderr.writeSync(stderr);
  }
  return success;
}

// All of them run, so that one look shows all that is wrong.
const passed = CHECKS.map(([name, args]) => run(name, args));
if (passed.includes(false)) Deno.exit(1);

/**
 * Runs a test file in parts, each in a process of its own, and adds up what they count:
 *
 *     deno run -A scripts/parts.ts tests/constrained_test.ts [--filter REGEX] [--backend cpu] [--parts N]
 *
 * N is the number of processors where absent. `--filter` takes the tests whose names match, `--backend` those on that
 * backend; the others of the file would run in every part. Each part has one thread of the twin. Prints one line, and the
 * output of parts that failed, whose exit status it has.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { fileURLToPath } from "node:url";

/** What one part came to. */
interface Ended {
  readonly part: string;
  readonly success: boolean;
  readonly output: string;
}

const TELLS = /^counted (\{.*\})$/gm;

const args = parseArgs(Deno.args, { string: ["filter", "backend", "parts"] });
const count = Number(args.parts ?? navigator.hardwareConcurrency);
if (!Number.isInteger(count) || count < 1) {
  console.error(`Cannot run tests in parts: --parts is ${args.parts}, expected 1 or more`);
  Deno.exit(2);
}
const backend = args.backend === undefined ? "" : `.*\\[${args.backend}\\]`;
const started = performance.now();

async function run(part: string): Promise<Ended> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "-A",
      "--no-check",
      `--filter=/(?:${args.filter ?? ""})${backend}/`,
      ...args._.map(String),
    ],
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    env: { NO_COLOR: "1", SPECMQUANT_PART: part },
  }).output();
  const decoder = new TextDecoder();
  return { part, success, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

const sums = new Map<string, number>();
let failed = 0;
const parts = Array.from({ length: count }, async (_, index) => {
  const { part, success, output } = await run(`${index}/${count}`);
  const counts = [...output.matchAll(TELLS)].map(([, json]) => JSON.parse(json));
  for (const one of counts) {
    for (const [name, value] of Object.entries<number>(one)) {
      sums.set(name, (sums.get(name) ?? 0) + value);
    }
  }
  // A part in which nothing was counted has not run what it was started for.
  if (success && counts.length > 0) return;
  failed++;
  console.log(`part ${part}:\n${output.trimEnd().split("\n").slice(-60).join("\n")}\n`);
});
await Promise.all(parts);
const seconds = (performance.now() - started) / 1000;
const said = [...sums].map(([name, value]) => `${value} ${name}, `).join("");
console.log(`${said}${failed} of ${count} parts failed, ${seconds.toFixed(0)} s`);
Deno.exit(failed > 0 ? 1 : 0);

/**
 * Runs a test file in parts, each in a process of its own, and adds up what they count:
 *
 *     deno run -A scripts/parts.ts tests/grammar/constrained_test.ts [--filter REGEX] [--backend cpu] [--parts N] [--at-once N] [--only 3,4]
 *
 * N parts are the number of processors where absent, and run all at once; on a GPU, which takes turns between processes,
 * many parts and few at once are quickest. `--only` runs some of the parts, as what is left of a run that was ended.
 * `--filter` takes the tests whose names match, `--backend` those on that backend; the others of the file would run in
 * every part. Each part has one thread of the twin. Prints a line for each part and one for all, and the output of parts
 * that failed, whose exit status it has.
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

function refuse(option: string, value: unknown, expected: string): never {
  console.error(`Cannot run tests in parts: --${option} is ${value}, expected ${expected}`);
  Deno.exit(2);
}

const args = parseArgs(Deno.args, { string: ["filter", "backend", "parts", "at-once", "only"] });
const count = Number(args.parts ?? navigator.hardwareConcurrency);
if (!Number.isInteger(count) || count < 1) refuse("parts", args.parts, "1 or more");
const atOnce = Number(args["at-once"] ?? count);
if (!Number.isInteger(atOnce) || atOnce < 1) refuse("at-once", args["at-once"], "1 or more");
const only = args.only?.split(",").map(Number) ?? Array.from({ length: count }, (_, i) => i);
if (!only.every((index) => Number.isInteger(index) && index >= 0 && index < count)) {
  refuse("only", args.only, `numbers from 0 to ${count - 1} with commas between them`);
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

async function take(index: number): Promise<void> {
  const from = performance.now();
  const { part, success, output } = await run(`${index}/${count}`);
  const counts = [...output.matchAll(TELLS)].map(([, json]) => JSON.parse(json));
  for (const one of counts) {
    for (const [name, value] of Object.entries<number>(one)) {
      sums.set(name, (sums.get(name) ?? 0) + value);
    }
  }
  // A part in which nothing was counted has not run what it was started for.
  const passed = success && counts.length > 0;
  const seconds = ((performance.now() - from) / 1000).toFixed(0);
  console.log(`part ${part}: ${passed ? JSON.stringify(counts) : "failed"}, ${seconds} s`);
  if (passed) return;
  failed++;
  console.log(`${output.trimEnd().split("\n").slice(-60).join("\n")}\n`);
}

const waiting = [...only];
await Promise.all(Array.from({ length: Math.min(atOnce, only.length) }, async () => {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await take(next);
}));
const seconds = (performance.now() - started) / 1000;
const said = [...sums].map(([name, value]) => `${value} ${name}, `).join("");
console.log(`${said}${failed} of ${only.length} parts failed, ${seconds.toFixed(0)} s`);
Deno.exit(failed > 0 ? 1 : 0);

/**
 * Tokens a target forward of each method on maths word problems, and tokens a second on this machine.
 *
 *     deno run -A bench/tau.ts [--problems FILE.jsonl] [--count 40] [--max-tokens 160] \
 *       [--models DIR] [--methods eagle2,...]
 *
 * FILE has one JSON object with a `question` a line, as the GSM8K test split has; without it, problems
 * from `tests/problems.ts` are taken. DIR has the folders of a trio (see `scripts/trio.ts`), links among them; the demo's where
 * absent. Plain decoding is always among the methods, as texts are compared with its.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { METHODS, Session } from "../mod.ts";
import { DEMO_DIR, Trio } from "../scripts/trio.ts";
import { table } from "../src/cli/terminal/table.ts";
import { problems } from "../tests/problems.ts";

const args = parseArgs(Deno.args, {
  string: ["problems", "count", "max-tokens", "models", "methods"],
  default: { count: "40", "max-tokens": "160", models: DEMO_DIR, methods: METHODS.join() },
});
const count = Number(args.count);
const questions = args.problems
  ? Deno.readTextFileSync(args.problems).trim().split("\n").slice(0, count)
    .map((line) => String(JSON.parse(line).question))
  : problems(count, 21);

using trio = new Trio(args.models);
const asked = ["ar", ...args.methods.split(",")];
const plain: string[] = [];
const rows: string[][] = [];
for (const method of trio.methods.filter((one) => asked.includes(one))) {
  using session = new Session(trio.target, trio.tokenizer, {
    context: 1024,
    drafter: trio.plan(method),
    method,
  });
  let [tokens, forwards, committed, milliseconds, identical] = [0, 0, 0, 0, true];
  for (const [i, question] of questions.entries()) {
    const { stats, tokens: found } = await session
      .generate(`Question: ${question}\nAnswer:`, { maxTokens: Number(args["max-tokens"]) })
      .finish();
    tokens += found.length;
    forwards += stats.targetForwards;
    committed += stats.tau * stats.targetForwards;
    milliseconds += stats.timings.decodeMs;
    const text = found.join();
    if (method === "ar") plain.push(text);
    identical &&= text === plain[i];
  }
  rows.push([
    method,
    `${tokens}`,
    `${forwards}`,
    (committed / forwards).toFixed(2),
    (tokens / forwards).toFixed(2),
    ((tokens / milliseconds) * 1000).toFixed(0),
    identical ? "yes" : "NO",
  ]);
}
console.log(`${questions.length} problems, greedy, on ${trio.device.name}`);
console.log(table(
  rows,
  ["left", "right", "right", "right", "right", "right", "right"],
  ["method", "tokens", "target forwards", "tau", "tokens/forward", "tokens/s", "identical"],
));

/**
 * Tokens a target forward of each method on maths word problems by temperature, with drafters that see the noise that
 * tokens are chosen with and with drafters that do not.
 *
 *     deno run -A bench/sampling.ts [--problems FILE.jsonl] [--count 40] [--max-tokens 160]
 *         [--temperatures 0,0.6,1] [--options JSON] [--methods draft,eagle2,hier] [--siblings 0,6] [--seen]
 *
 * FILE has one JSON object with a `question` a line, as the GSM8K test split has; without it, problems
 * from `tests/problems.ts` are taken. JSON has further options of a generation, e.g. `{"topP": 0.9}`; `--siblings` numbers of
 * siblings to compare, the usual one where absent; with `--seen` all drafters see the noise.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { METHODS, Session } from "../mod.ts";
import { Trio } from "../scripts/models/trio.ts";
import { table } from "../src/cli/terminal/table.ts";
import { Arena } from "../src/device/mod.ts";
import { problems } from "../tests/problems.ts";
import { blind } from "../tests/sampling/blind.ts";

const args = parseArgs(Deno.args, {
  string: ["problems", "count", "max-tokens", "temperatures", "options", "methods", "siblings"],
  boolean: ["seen"],
  default: {
    count: "40",
    "max-tokens": "160",
    temperatures: "0,0.6,1",
    options: "{}",
  },
});
const count = Number(args.count);
const questions = args.problems
  ? Deno.readTextFileSync(args.problems).trim().split("\n").slice(0, count)
    .map((line) => String(JSON.parse(line).question))
  : problems(count, 21);
const temperatures = args.temperatures.split(",").map(Number);
const options = JSON.parse(args.options);

using trio = new Trio();
using arena = new Arena(trio.device, "blind drafters");
/** The texts and the mean accept length at one temperature. */
async function run(
  session: Session,
  temperature: number,
): Promise<{ texts: string[]; tau: number }> {
  const texts: string[] = [];
  let [forwards, committed] = [0, 0];
  for (const [seed, question] of questions.entries()) {
    const { stats, tokens } = await session
      .generate(`Question: ${question}\nAnswer:`, {
        ...options,
        temperature,
        seed,
        maxTokens: Number(args["max-tokens"]),
      })
      .finish();
    forwards += stats.targetForwards;
    committed += stats.tau * stats.targetForwards;
    texts.push(tokens.join());
  }
  return { texts, tau: committed / forwards };
}

const rows: string[][] = [];
const plain = new Map<number, string[]>();
/** What is compared: a method, and for draft models how many siblings. */
const cases = ["ar", ...(args.methods?.split(",") ?? trio.methods.slice(1))].flatMap((name) => {
  const method = METHODS.find((one) => one === name);
  if (method === undefined) throw new Error(`Cannot run method ${name}: expected ${METHODS}`);
  const drafts = method === "draft" || method === "hier";
  const numbers = drafts && args.siblings ? args.siblings.split(",").map(Number) : [undefined];
  return numbers.map((siblings) => ({ method, siblings }));
});
for (const { method, siblings } of cases) {
  const plan = trio.plan(method, siblings === undefined ? {} : { siblings });
  const name = siblings === undefined ? method : `${method}, ${siblings} siblings`;
  const unseen = plan && !args.seen ? [blind(plan, trio.device, arena)] : [];
  for (const drafter of [plan, ...unseen]) {
    using session = new Session(trio.target, trio.tokenizer, { context: 1024, drafter, method });
    const cells: string[] = [];
    let identical = true;
    for (const temperature of temperatures) {
      const { texts, tau } = await run(session, temperature);
      if (!plain.has(temperature)) plain.set(temperature, texts);
      identical &&= texts.join("\n") === plain.get(temperature)!.join("\n");
      cells.push(tau.toFixed(2));
    }
    const noise = drafter === undefined ? "" : drafter === plan ? "seen" : "unseen";
    rows.push([name, noise, ...cells, identical ? "yes" : "NO"]);
  }
}
console.log(`${questions.length} problems on ${trio.device.name}`);
console.log(table(
  rows,
  ["left", "left", ...temperatures.map(() => "right" as const), "right"],
  ["method", "noise", ...temperatures.map((t) => `tau at ${t}`), "identical"],
));

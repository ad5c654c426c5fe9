/**
 * What remembering texts is worth on a model's own: tokens a target forward, milliseconds a round, tokens a second, beside
 * plain decoding, by kinds of prompts.
 *
 *     deno run -A bench/suffix.ts --target MODEL [--prompts FILE.jsonl] [--count 6] [--max-tokens 128]
 *       [--least 0.02] [--tree-size 16]
 *
 * MODEL has a chat template. Prompts are those of FILE, `count` of each category: one JSON object with `category` and
 * `turns` a line, as Spec-Bench has them, of which the first turn is asked; and two kinds of this file's own, to repeat and
 * to correct a paragraph. All are asked in one session, so that each text may help the next. `least` and `tree-size` are
 * options of the drafter; without `least` they are those of the backend.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { Engine, Session, suffix } from "../mod.ts";
import { table } from "../src/cli/terminal/table.ts";

const args = parseArgs(Deno.args, {
  string: ["target", "prompts", "count", "max-tokens", "least", "tree-size", "context"],
  default: { count: "6", "max-tokens": "128", "tree-size": "16", context: "2048" },
});
if (args.target === undefined) {
  console.error(
    "Cannot measure: no --target is given, expected the path of a model with a chat template",
  );
  Deno.exit(2);
}

const PARAGRAPHS = [
  "The harbour of the old town lies behind a long wall of grey stone, which was built after the storm of 1824. In the " +
  "morning the boats come back with herring and mackerel, and the market on the quay is over before nine. Visitors who " +
  "sleep longer find empty crates, a few cats, and the smell of salt and tar.",
  "A heat pump moves heat from a cold place to a warm one. It does so with a fluid that boils at a low temperature: the " +
  "fluid takes up heat outside as it evaporates, is compressed, which makes it hot, and gives its heat to the house as " +
  "it condenses. For each unit of electricity it delivers three to five units of heat.",
  "Maria keeps eleven hens and two ducks in the garden behind her school. The pupils feed them before the first lesson, " +
  "count the eggs, and write the number on a blackboard by the gate. In March they found sixty-three eggs, in April " +
  "eighty, and in May a fox, after which the fence was made higher.",
  "The committee met on Tuesday to discuss the budget for the coming year. It was agreed that the library should stay " +
  "open on Saturdays, that the roof of the gymnasium should be repaired before the winter, and that the purchase of " +
  "new computers should wait until the prices of last year's models have fallen.",
];
const TASKS: Readonly<Record<string, string>> = {
  repeat: "Repeat the following paragraph word for word:",
  correct: "Correct the spelling of the following text, and change nothing else:",
};

const wanted: { kind: string; text: string }[] = Object.entries(TASKS).flatMap(([kind, task]) =>
  PARAGRAPHS.map((paragraph) => ({ kind, text: `${task}\n\n${paragraph}` }))
);
if (args.prompts) {
  const counts = new Map<string, number>();
  for (const line of Deno.readTextFileSync(args.prompts).trim().split("\n")) {
    const { category, turns: [text] } = JSON.parse(line) as { category: string; turns: string[] };
    const count = counts.get(category) ?? 0;
    if (count < Number(args.count)) wanted.push({ kind: category, text });
    counts.set(category, count + 1);
  }
}

interface Totals {
  texts: number;
  tokens: number;
  rounds: number;
  committed: number;
  ms: number;
  same: number;
}

const [context, maxTokens] = [Number(args.context), Number(args["max-tokens"])];
using engine = await Engine.load({ target: args.target, context });
const drafter = suffix({
  depth: 15,
  treeSize: Number(args["tree-size"]),
  leastWorth: args.least === undefined ? undefined : Number(args.least),
});
using plain = new Session(engine.target, engine.tokenizer, { context });
using session = new Session(engine.target, engine.tokenizer, { context, drafter });
const kinds = new Map<string, { ar: Totals; suffix: Totals }>();
const none = (): Totals => ({ texts: 0, tokens: 0, rounds: 0, committed: 0, ms: 0, same: 0 });
for (const { kind, text } of wanted) {
  const prompt = engine.encode([{ role: "user", content: text }]);
  if (prompt.length + maxTokens > context) continue;
  const totals = kinds.get(kind) ?? { ar: none(), suffix: none() };
  kinds.set(kind, totals);
  let expected = "";
  // One after the other on each prompt, so that a machine's moods meet both.
  for (const [name, one] of [["ar", plain], ["suffix", session]] as const) {
    const { tokens, stats } = await one.generate(prompt, { maxTokens }).finish();
    const sum = totals[name];
    sum.texts++;
    sum.tokens += tokens.length;
    sum.rounds += stats.targetForwards;
    sum.committed += stats.tau * stats.targetForwards;
    sum.ms += stats.timings.decodeMs;
    if (name === "ar") expected = tokens.join();
    if (tokens.join() === expected) sum.same++;
  }
}

const all = { ar: none(), suffix: none() };
for (const totals of kinds.values()) {
  for (const name of ["ar", "suffix"] as const) {
    for (const key of Object.keys(all[name]) as (keyof Totals)[]) {
      all[name][key] += totals[name][key];
    }
  }
}
const rows = [...kinds, ["all", all] as const].map(([kind, { ar, suffix: own }]) => [
  kind,
  `${own.texts}`,
  `${own.tokens}`,
  (own.committed / own.rounds).toFixed(2),
  (own.ms / own.rounds).toFixed(2),
  (ar.ms / ar.rounds).toFixed(2),
  (own.tokens / own.ms * 1000).toFixed(1),
  (ar.tokens / ar.ms * 1000).toFixed(1),
  (own.tokens / own.ms / (ar.tokens / ar.ms)).toFixed(2),
  own.same === own.texts ? "yes" : `${own.same} of ${own.texts}`,
]);
console.log(`greedy, up to ${maxTokens} tokens, on ${engine.device.name}`);
console.log(table(
  rows,
  ["left", ...new Array(9).fill("right")],
  ["kind", "texts", "tokens", "tau", "ms/round", "ar", "tokens/s", "ar", "times", "identical"],
));

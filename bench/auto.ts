/**
 * `auto` beside each of the settings that it may choose, on the same prompts and caches: how near it comes to the best.
 *
 *     deno run -A bench/auto.ts [--inflate 70b-8b [--head-tokens 32000]] [--contexts 512,8000] [--prompts 4] [--tokens 96]
 *       [--json FILE] [--plot SVG]
 *
 * runs the demo trio, as it is or inflated, behind prompts of so many tokens. Every setting continues the first prompt by 48
 * tokens; the four fastest continue all prompts, and so does `auto`, which begins with what it measures in a moment and
 * knows nothing of accept rates. With `--head-tokens` inflated heads are in 4 bits and have so many tokens of their own. Prints
 * tokens/s, and the ratio of `auto` to the best of the four. `--plot` draws the map of `tune` by the same costs.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { Tokenizer } from "../mod.ts";
import { DEMO_DIR } from "../scripts/models/trio.ts";
import { openCheckpoint } from "../src/checkpoint/checkpoint.ts";
import { openHead } from "../src/checkpoint/head.ts";
import { inflate, inflateHead } from "../src/checkpoint/synthetic/inflated.ts";
import { INFLATIONS } from "../src/cli/commands/bench/sources.ts";
import { storedAs } from "../src/cli/commands/bench/stored_heads.ts";
import { cellsOf, mapSvg } from "../src/cli/commands/tune/map.ts";
import { table } from "../src/cli/terminal/table.ts";
import { Arena, Device } from "../src/device/mod.ts";
import { autoPlan } from "../src/engine/auto.ts";
import { EAGLE2 } from "../src/engine/drafters/eagle2.ts";
import { HeadModel, Model } from "../src/model/mod.ts";
import {
  always,
  AutoPolicy,
  measureCosts,
  type Policy,
  Round,
  sequenceMemory,
  settingName,
} from "../src/speculation/mod.ts";
import { problems } from "../tests/problems.ts";

const SWEPT = 48;
const FINALISTS = 4;
/** Tokens that a round may commit beyond what was asked for. */
const BEYOND = 80;

const args = parseArgs(Deno.args, {
  string: ["inflate", "head-tokens", "contexts", "prompts", "tokens", "json", "plot"],
  default: { contexts: "512,8000", prompts: "4", tokens: "96" },
});
const contexts = args.contexts.split(",").map(Number);
const [promptCount, tokens] = [Number(args.prompts), Number(args.tokens)];

using device = Device.open();
using stack = new DisposableStack();
const inflation = args.inflate === undefined ? undefined : INFLATIONS[args.inflate];
const longest = Math.max(...contexts) + Math.max(tokens, SWEPT) + BEYOND;

function load(role: "target" | "draft"): { model: Model; head: HeadModel } {
  const dir = `${DEMO_DIR}/${role}`;
  using opened = openCheckpoint(dir);
  // Positions beyond those that it was trained for: what it says there means little, and costs what it costs.
  const maxPositions = Math.max(opened.config.maxPositions, longest);
  const small = { ...opened, config: { ...opened.config, maxPositions } };
  using smallHead = openHead(`${dir}-eagle2`);
  const shape = inflation?.[role];
  if (shape === undefined) {
    const model = stack.use(Model.load(device, small));
    return { model, head: stack.use(HeadModel.load(device, smallHead, model)) };
  }
  using big = inflate(small, shape.model, { seed: 1 });
  const model = stack.use(Model.load(device, big));
  const headTokens = args["head-tokens"];
  const stored = headTokens === undefined ? smallHead : storedAs(smallHead, opened, "w4a16-g128");
  using bigHead = inflateHead(stored, opened.config, shape.model, {
    seed: 1,
    draftVocabSize: headTokens === undefined ? undefined : Number(headTokens),
  });
  return { model, head: stack.use(HeadModel.load(device, bigHead, model)) };
}

const began = performance.now();
const [target, draft] = [load("target"), load("draft")];
const tokenizer = Tokenizer.load(`${DEMO_DIR}/target`);
const plan = autoPlan({
  head: { kind: EAGLE2, head: target.head },
  draft: draft.model,
  draftHead: { kind: EAGLE2, head: draft.head },
});
const arena = stack.use(new Arena(device, "auto"));
const memory = sequenceMemory(device, arena, longest, plan);
const round = stack.use(new Round(target.model, memory, plan));
const loaded = performance.now();
const costs = measureCosts(round, plan.settings);
console.log(
  `loaded in ${
    ((loaded - began) / 1000).toFixed(1)
  } s; costs of ${plan.settings.length} settings ` +
    `measured in ${(performance.now() - loaded).toFixed(0)} ms`,
);

/** Prompts of `context` tokens: problems one after another, of which the last waits for its answer. */
function promptsOf(context: number): number[][] {
  const texts = problems(promptCount * 300, 7);
  return Array.from({ length: promptCount }, (_, i) => {
    const mine = texts.filter((_, j) => j % promptCount === i);
    const last = tokenizer.encode(`\nQuestion: ${mine[0]}\nAnswer:`, { addSpecialTokens: false });
    const before = tokenizer.encode(mine.slice(1).map((text) => `Question: ${text}`).join("\n"));
    return [...before.slice(0, context - last.length), ...last];
  });
}

/** Continues a prompt, of which the caches hold the first `kept` tokens; gives milliseconds and tokens. */
function continued(
  policy: Policy,
  prompt: readonly number[],
  count: number,
  kept: number,
): { ms: number; text: number[] } {
  round.drafter!.policy = policy;
  // All continue the same texts: who comes later must not know what came of them.
  round.forget();
  memory.choice.set({}, prompt.length, target.model.config.vocabSize);
  // Many rows may round otherwise than few: whoever reads the whole prompt reads its end again, as all others do.
  const end = prompt.length - 2;
  for (const from of kept < end ? [kept, end] : [kept]) {
    for (const _ of round.read(prompt, prompt.length + count + BEYOND, from)) device.synchronize();
  }
  device.synchronize();
  const from = performance.now();
  const text: number[] = [];
  while (text.length < count) {
    const accepted = round.run();
    text.push(...round.result.subarray(1, 1 + accepted));
  }
  // What a round gave beyond is neither counted nor paid for.
  const ms = (performance.now() - from) * count / text.length;
  return { ms, text: text.slice(0, count) };
}

function speeds(rows: readonly (readonly string[])[]): string {
  return table(rows, ["left", "right"], ["setting", "tokens/s"]);
}

const report: unknown[] = [];
for (const context of contexts) {
  const prompts = promptsOf(context);
  const swept = plan.settings.map((setting, i) => {
    const [prompt] = prompts;
    const { ms } = continued(always(setting), prompt, SWEPT, i === 0 ? 0 : prompt.length - 2);
    return { setting, name: settingName(setting), speed: 1000 * SWEPT / ms };
  });
  swept.sort((a, b) => b.speed - a.speed);
  const finalists = swept.slice(0, FINALISTS).map((one) => ({ ...one, ms: 0 }));
  const policy = new AutoPolicy(plan.settings, costs);
  let autoMs = 0;
  const chosen: string[] = [];
  let identical = true;
  for (const prompt of prompts) {
    // Whoever is first reads the prompt, which is not timed; all continue the same caches.
    const auto = continued(policy, prompt, tokens, 0);
    autoMs += auto.ms;
    chosen.push(
      ...policy.decisions.map(({ at, setting, why, promised, plain }) =>
        `${at - prompt.length + 1}: ${setting} (${why}, ${(promised / plain).toFixed(2)} of plain)`
      ),
    );
    for (const one of finalists) {
      const { ms, text } = continued(always(one.setting), prompt, tokens, prompt.length - 2);
      one.ms += ms;
      identical &&= text.join() === auto.text.join();
    }
  }
  const all = tokens * prompts.length;
  const best = Math.min(...finalists.map(({ ms }) => ms));
  console.log(`\ncontext ${context}: first prompt, ${SWEPT} tokens`);
  console.log(speeds(
    swept.map(({ name, speed }) => [name, speed.toFixed(1)]),
  ));
  console.log(`all ${prompts.length} prompts, ${tokens} tokens each`);
  console.log(speeds(
    [
      ...finalists.map(({ name, ms }) => [name, (1000 * all / ms).toFixed(1)]),
      ["auto", (1000 * all / autoMs).toFixed(1)],
    ],
  ));
  console.log(`chosen: ${chosen.join("; ")}`);
  console.log(`identical: ${identical}; auto / best: ${(best / autoMs).toFixed(3)}`);
  report.push({
    context,
    swept: swept.map(({ name, speed }) => ({ name, speed })),
    finalists: finalists.map(({ name, ms }) => ({ name, speed: 1000 * all / ms })),
    auto: 1000 * all / autoMs,
    ratio: best / autoMs,
    identical,
    chosen,
  });
}
if (args.plot) {
  const title = `${args.inflate ?? "the demo trio"} on ${device.name}`;
  Deno.writeTextFileSync(args.plot, mapSvg(title, cellsOf(plan.settings, costs, contexts[0])));
}
if (args.json) {
  Deno.writeTextFileSync(args.json, JSON.stringify({ costs, contexts: report }, null, 1) + "\n");
}

/**
 * `eval`: how fast methods answer a benchmark, and how well.
 *
 * @module
 */
import { snakeCase } from "../../base/key_case.ts";
import { checkOptions } from "../../base/options.ts";
import { DRAFTERS } from "../../engine/drafters/registry.ts";
import { BENCHMARKS, evaluate, makePlan, METHOD_KINDS } from "../../eval/mod.ts";
import { CHOICE_KINDS } from "../../speculation/mod.ts";
import { type Command, command } from "../options/command.ts";
import { idleBeside, needsOption } from "../options/needs.ts";
import type { Option, Values } from "../options/option.ts";
import { CHOICE_OPTIONS, choiceOf, SAMPLING_OPTIONS } from "../options/sampling.ts";
import {
  BACKEND_OPTION,
  JSON_OPTION,
  KV_CACHE_OPTION,
  TARGET_OPTION,
  THREADS_OPTION,
} from "../options/shared.ts";
import { UsageError } from "../options/usage_error.ts";
import { INTERRUPTED, interruptible } from "../terminal/interrupt.ts";
import { tableColumns } from "../terminal/io.ts";
import { writeJson } from "../terminal/json.ts";
import { Progress } from "../terminal/progress.ts";
import { idleWithFile, needsCode, needsMethod, needsSampling } from "./eval/needs.ts";
import { evalText } from "./eval/output.ts";

/** The methods of heads. */
const HEADS = DRAFTERS.filter(({ head }) => head !== undefined).map(({ name }) => name);

/** How tokens are chosen, and where the rest of that comes from. */
const CHOICE = SAMPLING_OPTIONS.filter(({ name }) => !/^logprobs/.test(name)).map((option) => ({
  ...option,
  // A run can be repeated as it is.
  ...(option.name === "seed" && {
    summary: "With a temperature, the texts of this number, the first of --seeds; 0 where absent",
  }),
})) as readonly Option[] as readonly [
  ...typeof CHOICE_OPTIONS,
  Extract<(typeof SAMPLING_OPTIONS)[number], { name: "sampling" }>,
];

const OPTIONS = [
  {
    name: "trio",
    type: "string",
    value: "DIR",
    summary: "A directory with target, and draft, target-eagle2, draft-eagle2 and the like",
  },
  { ...TARGET_OPTION, required: false, needs: [idleBeside("trio"), idleBeside("targets")] },
  {
    name: "targets",
    type: "string",
    value: "NAME=MODEL,...",
    summary: "Targets to compare, models or trios, which draft with what --trio or --draft give",
  },
  {
    name: "draft",
    type: "string",
    value: "MODEL",
    needs: [idleBeside("trio"), needsMethod("draft", "hier")],
    summary: "The draft model, without --trio",
  },
  {
    name: "head",
    type: "list",
    value: "DIR",
    needs: [idleBeside("trio"), needsMethod(...HEADS)],
    summary: "A head of the target, without --trio; may be given for each family",
  },
  {
    name: "inner-head",
    type: "string",
    value: "DIR",
    needs: [idleBeside("trio"), needsOption("draft"), needsMethod("hier")],
    summary: "A head of the draft model, for the method hier, without --trio",
  },
  {
    name: "bench",
    type: "string",
    value: "NAME|FILE",
    required: true,
    summary: "The benchmark, or a file of prompts",
    notes: [
      ...BENCHMARKS.map(({ name, summary }) => `${name}: ${summary}`),
      'FILE: JSON objects, one a line, with "prompt" or "turns", and "id" and "category"',
    ],
  },
  {
    name: "data",
    type: "string",
    value: "DIR",
    needs: [idleWithFile],
    summary: "The directory with the benchmark's file",
    notes: BENCHMARKS.map(({ name, data }) => `${name}: ${data!.files.join(" or ")}`),
  },
  {
    name: "methods",
    type: "string",
    value: "A,B,...",
    summary: "Methods, with settings as in eagle2:depth=6:tree-size=48; all that have models",
    notes: [
      `Methods: ${METHOD_KINDS.map(({ name }) => name).join(", ")}`,
      "Settings: min-draft, siblings, depth, topk, tree-size",
    ],
  },
  {
    name: "limit",
    type: "integer",
    value: "N",
    min: 1,
    summary: "Most prompts, as many of each task as of the others; all where absent",
  },
  {
    name: "max-tokens",
    short: "n",
    type: "integer",
    value: "N",
    min: 1,
    default: 256,
    summary: "Most tokens of one answer to one turn",
  },
  {
    name: "context",
    type: "integer",
    value: "N",
    min: 2,
    summary: "Longest text in tokens, prompt included; 4096 or the model's limit where absent",
  },
  ...CHOICE,
  {
    name: "seeds",
    type: "integer",
    value: "N",
    min: 1,
    max: 1000,
    default: 1,
    needs: [needsSampling],
    summary: "Texts of each prompt, of so many seeds one after the other",
  },
  {
    name: "run-code",
    type: "boolean",
    needs: [needsCode],
    summary: "Run the Python of answers, without network, disk, and more than 10 s and 1 GB",
  },
  {
    name: "out",
    type: "string",
    value: "DIR",
    required: true,
    summary: "Directory of answers and reports; what is there already is not done again",
  },
  KV_CACHE_OPTION,
  BACKEND_OPTION,
  THREADS_OPTION,
  JSON_OPTION,
] as const;

type EvalValues = Values<typeof OPTIONS>;

/** The `eval` command. */
export const evalCommand: Command = command({
  name: "eval",
  summary:
    "Compare methods on a benchmark: speed, accept lengths, and answers where they are judged.",
  notes: [
    "Prompts are put into the model's chat template. OUT gets answers.jsonl, a line for each answer",
    "with the accept length of each round, summary.json, report.md and report.html, which has charts",
    "and stands alone. Each answer is on disk before the next is begun: after Ctrl-C or a crash the",
    "same command goes on, and more methods, prompts, seeds or targets may be asked for.",
  ],
  options: OPTIONS,
  example: "eval --trio models/demo --bench gsm8k --data data --limit 20 --out run",

  async run(values, io) {
    const { out, context, backend, threads, "kv-cache": kvCache } = values;
    const choice = choiceOf(values);
    checkOptions("generate", choice, CHOICE_KINDS);
    const plan = await makePlan({
      bench: values.bench,
      data: values.data,
      models: {
        trio: values.trio,
        target: values.target,
        targets: targetsOf(values),
        draft: values.draft,
        heads: values.head,
        innerHead: values["inner-head"],
      },
      methods: values.methods?.split(",").map((name) => name.trim()),
      limit: values.limit,
      maxTokens: values["max-tokens"],
      choice,
      asModel: values.sampling === "model",
      seeds: values.seeds,
      engine: { backend, threads, context, kvCache },
    });
    using bar = new Progress(io.stderr, { lines: true });
    return await interruptible(async (signal) => {
      try {
        const summary = await evaluate(plan, {
          out,
          runCode: values["run-code"],
          signal,
          progress: ({ label, done, total, detail }) => bar.update(label, done, total, detail),
        });
        bar.clear();
        if (values.json) await writeJson(io.stdout, snakeCase(summary));
        else await io.stdout.write(evalText(summary, tableColumns(io.stdout)));
        await io.stderr.write(`The report is ${out}/report.html\n`);
        return 0;
      } catch (error) {
        if (!signal.aborted || error !== signal.reason) throw error;
        bar.clear();
        await io.stderr.write(`interrupted: the same command goes on in ${out}\n`);
        return INTERRUPTED;
      }
    });
  },
});

/** The targets of `--targets`, by their names. A UsageError where it cannot be, and where no models are given. */
function targetsOf({ trio, target, targets }: EvalValues): ReadonlyMap<string, string> | undefined {
  if (targets === undefined) {
    if (trio !== undefined || target !== undefined) return undefined;
    throw new UsageError(
      "Cannot eval: --trio DIR, --target MODEL or --targets NAME=MODEL,... is missing",
    );
  }
  const named = new Map<string, string>();
  for (const part of targets.split(",")) {
    const [, name, path] = /^\s*([^=\s]+)=(.+)$/.exec(part) ?? [];
    if (name === undefined || named.has(name)) {
      throw new UsageError(
        `Cannot use --targets ${targets}: "${part}" is in it, expected a name and a model each, as ` +
          "w4=DIR,w8a8=DIR, and no name twice",
      );
    }
    named.set(name, path.trim());
  }
  return named;
}

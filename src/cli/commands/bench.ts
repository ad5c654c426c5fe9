/**
 * `bench`: how fast models run here.
 *
 * @module
 */
import { checkWritable, writeWhole } from "../../checkpoint/containers/whole_file.ts";
import { HEAD_KINDS, type HeadKind } from "../../checkpoint/synthetic/head_shapes.ts";
import { MODEL_SHAPES } from "../../checkpoint/synthetic/shapes.ts";
import {
  SYNTHETIC_FORMATS,
  SYNTHETIC_LM_HEADS,
  type SyntheticLmHead,
  type SyntheticScheme,
} from "../../checkpoint/synthetic/synthetic_schemes.ts";
import { KV_CACHE_DTYPES } from "../../base/dtype.ts";
import { checkOptions } from "../../base/options.ts";
import { MAX_TREE_ROWS } from "../../ops/mod.ts";
import { CHOICE_KINDS } from "../../speculation/mod.ts";
import type { BenchTable } from "./bench/bench.ts";
import { compareReports, type Comparison } from "./bench/compare.ts";
import { needsItsModels, needsScheme, needsTableOf } from "./bench/needs.ts";
import { PROMPT_TOKENS } from "./bench/prefill.ts";
import { BENCH_PROMPTS } from "./bench/prompts.ts";
import { TABLES } from "./bench/registry.ts";
import { comparisonText, headingText, reportMarkdown, sectionText } from "./bench/render.ts";
import { readReport, type Report, reportJson } from "./bench/report.ts";
import { runBench } from "./bench/run.ts";
import { type HeadStorage, INFLATIONS, type ModelSource } from "./bench/sources.ts";
import { type Command, command } from "../options/command.ts";
import { tableColumns } from "../terminal/io.ts";
import { idleBeside, needsOption } from "../options/needs.ts";
import type { Option, Values } from "../options/option.ts";
import { CHOICE_OPTIONS, choiceOf } from "../options/sampling.ts";
import { Progress } from "../terminal/progress.ts";
import { BACKEND_OPTION, THREADS_OPTION } from "../options/shared.ts";
import { UsageError } from "../options/usage_error.ts";

/** Row counts by default: both sides of every 16. */
const ROWS = [1, 4, 7, 10, 16, 17, 24, 30, 33, 48, 49, 60];

/** The longest prompt that can be asked for. */
const MOST_PROMPT_TOKENS = 1 << 20;

const SCHEMES = Object.keys(SYNTHETIC_FORMATS) as SyntheticScheme[];

/** How the texts of a table are made; nothing else has tokens chosen. */
const CHOICE = CHOICE_OPTIONS.map((option) => ({
  ...option,
  // A run can be repeated as it is.
  ...(option.name === "seed" && {
    summary: "With a temperature, the texts of this number; 0 where absent",
  }),
  needs: [needsTableOf(option.name)],
})) as readonly Option[] as typeof CHOICE_OPTIONS;

const OPTIONS = [
  {
    name: "synthetic",
    type: "words",
    value: "SHAPE,...",
    choices: Object.keys(MODEL_SHAPES),
    summary: "Models of random weights, the target first; the last drafts for the others",
    notes: [`Shapes: ${Object.keys(MODEL_SHAPES).join(", ")}`],
  },
  {
    name: "scheme",
    type: "words",
    value: "NAME,...",
    choices: SCHEMES,
    needs: [needsOption("synthetic")],
    summary: "How synthetic weights are stored, one after the other; w4a16-g128 where absent",
    notes: [`Schemes: ${SCHEMES.join(", ")}`],
  },
  {
    name: "lm-head",
    type: "string",
    value: "NAME",
    choices: Object.keys(SYNTHETIC_LM_HEADS) as SyntheticLmHead[],
    needs: [needsOption("synthetic"), needsScheme("w4a16-g128")],
    summary: "How output projections of synthetic w4a16-g128 are stored; f16 where absent",
  },
  {
    name: "model",
    type: "string",
    value: "MODEL",
    summary: "A model in Hugging Face layout or a GGUF file, instead of synthetic ones",
  },
  {
    name: "trio",
    type: "string",
    value: "DIR",
    summary: "A directory with target, draft and heads of both (target-eagle2, ...), instead",
  },
  {
    name: "inflate",
    type: "string",
    value: "NAME",
    choices: Object.keys(INFLATIONS),
    needs: [idleBeside("synthetic"), idleBeside("model")],
    summary: "Blow the trio up to larger shapes that say the same; models/demo without --trio",
  },
  {
    name: "head-scheme",
    type: "words",
    value: "NAME,...",
    choices: SCHEMES,
    needs: [needsTableOf("head-scheme"), needsOption("synthetic", "inflate")],
    summary: "How heads are stored, one after the other; f16 where absent",
    notes: ["Inflated heads can be f16 and w4a16-g128"],
  },
  {
    name: "head-tokens",
    type: "integers",
    value: "32000,...",
    needs: [needsTableOf("head-tokens"), needsOption("synthetic", "inflate")],
    summary: "Tokens that heads have, with an output projection of their own; all where absent",
  },
  {
    name: "tables",
    type: "words",
    value: "A,B,...",
    choices: TABLES.map(({ name }) => name),
    needs: [needsItsModels],
    summary: "Only these tables",
    notes: TABLES.map(({ name, summary }) => `${name}: ${summary}`),
  },
  {
    name: "rows",
    type: "integers",
    value: "1,10,60",
    needs: [needsTableOf("rows")],
    summary: `Row counts of forwards (default ${ROWS.join(",")})`,
  },
  {
    name: "prompt-tokens",
    type: "integers",
    value: "512,4096",
    needs: [needsTableOf("prompt-tokens")],
    summary: `Lengths of the prompts of prefill (default ${PROMPT_TOKENS.cuda.join(",")}, ` +
      `on the CPU ${PROMPT_TOKENS.cpu.join(",")})`,
  },
  {
    name: "context",
    type: "integer",
    value: "N",
    min: 1,
    default: 512,
    needs: [needsTableOf("context")],
    summary: "Tokens in the cache",
  },
  {
    name: "kv-cache",
    type: "words",
    value: "NAME,...",
    choices: KV_CACHE_DTYPES,
    needs: [needsTableOf("kv-cache")],
    summary: "How caches keep keys and values, one after the other: f16, int8; f16 where absent",
  },
  {
    name: "runs",
    type: "integer",
    value: "N",
    min: 1,
    max: 1_000_000,
    default: 50,
    summary: "Samples of each figure",
  },
  {
    name: "prompts",
    type: "integer",
    value: "N",
    min: 1,
    max: BENCH_PROMPTS,
    default: 20,
    needs: [needsTableOf("prompts")],
    summary: `Prompts of end-to-end, at most ${BENCH_PROMPTS}`,
  },
  {
    name: "max-tokens",
    short: "n",
    type: "integer",
    value: "N",
    min: 1,
    default: 128,
    needs: [needsTableOf("max-tokens")],
    summary: "Tokens from each prompt",
  },
  ...CHOICE,
  { name: "json", type: "string", value: "FILE", summary: "Write all figures to a file, as JSON" },
  { name: "markdown", type: "string", value: "FILE", summary: "Write the tables to a file" },
  {
    name: "compare",
    type: "string",
    value: "FILE",
    summary: "Also print ratios to the figures of an earlier --json file",
  },
  BACKEND_OPTION,
  THREADS_OPTION,
] as const;

type BenchValues = Values<typeof OPTIONS>;

/** The `bench` command. */
export const bench: Command = command({
  name: "bench",
  summary: "Measure how fast models run here, beside what the device could do at most.",
  notes: [
    "Times are medians of device events after a warm-up. Files are written after each table, so",
    "that an interrupted run leaves what it has measured.",
  ],
  options: OPTIONS,
  alternatives: [{ names: ["synthetic", "model", "trio"] }],
  example: "bench --synthetic llama-3-70b,llama-3-8b --json run.json",

  async run(values, io) {
    const { context, runs, prompts, backend, threads } = values;
    const choice = choiceOf(values);
    checkOptions("generate", choice, CHOICE_KINDS);
    for (const file of filesOf(values)) checkWritable(file);
    const earlier = values.compare === undefined ? undefined : readReport(values.compare);
    using bar = new Progress(io.stderr, { lines: true });
    const tables = tablesOf(values.tables);
    const steps = runBench({
      backend,
      threads,
      sources: sourcesOf(values, tables),
      tables,
      context,
      kvCaches: values["kv-cache"] ?? ["f16"],
      runs,
      prompts,
      rows: rowsOf(values.rows),
      promptTokens: promptTokensOf(values["prompt-tokens"]),
      maxTokens: values["max-tokens"],
      choice,
      progress: (label, done, total) => bar.update(label, done, total),
    });
    let last: Report | undefined;
    for await (const { report, added } of steps) {
      bar.clear();
      last = report;
      try {
        // Files first: whoever has stopped reading may still want them.
        writeFiles(values, report);
      } finally {
        const columns = tableColumns(io.stdout);
        await io.stdout.write(
          added === undefined ? headingText(report, columns) : sectionText(added, columns),
        );
      }
    }
    bar.clear();
    if (earlier === undefined || last === undefined) return 0;
    const comparison = compareReports(last, earlier);
    writeFiles(values, last, comparison);
    await io.stdout.write(comparisonText(comparison, tableColumns(io.stdout)));
    return 0;
  },
});

/** Files to write. A UsageError where both are one. */
function filesOf({ json, markdown }: BenchValues): readonly string[] {
  const files = [json, markdown].filter((file) => file !== undefined);
  if (json === undefined || json !== markdown) return files;
  throw new UsageError(`Cannot use --markdown ${markdown}: --json is that file, expected another`);
}

function writeFiles(values: BenchValues, report: Report, comparison?: Comparison): void {
  if (values.json !== undefined) writeWhole(values.json, reportJson(report));
  if (values.markdown !== undefined) {
    writeWhole(values.markdown, reportMarkdown(report, comparison));
  }
}

function tablesOf(names: BenchValues["tables"]): readonly BenchTable[] {
  return TABLES.filter(({ name }) => names === undefined || names.includes(name));
}

function rowsOf(given: readonly number[] | undefined): readonly number[] {
  const rows = given ?? ROWS;
  const stray = rows.find((count) => count < 1 || count > MAX_TREE_ROWS);
  if (stray === undefined) return rows;
  throw new UsageError(`Cannot use --rows ${stray}: expected 1 to ${MAX_TREE_ROWS}`);
}

function promptTokensOf(given: readonly number[] | undefined): typeof given {
  const stray = given?.find((tokens) => tokens < 1 || tokens > MOST_PROMPT_TOKENS);
  if (stray === undefined) return given;
  throw new UsageError(`Cannot use --prompt-tokens ${stray}: expected 1 to ${MOST_PROMPT_TOKENS}`);
}

/** How heads are stored, one after the other; as they are where no option says it. */
function headStorages(values: BenchValues): readonly (HeadStorage | undefined)[] {
  const { "head-scheme": schemes, "head-tokens": tokens } = values;
  if (schemes === undefined && tokens === undefined) return [undefined];
  const stray = tokens?.find((count) => count < 1);
  if (stray !== undefined) {
    throw new UsageError(`Cannot use --head-tokens ${stray}: expected 1 or more`);
  }
  return (schemes ?? ["f16"]).flatMap((scheme) =>
    (tokens ?? [undefined]).map((vocabulary) => ({ scheme, vocabulary }))
  );
}

/** The families of heads that the tables need of made-up models. */
function headsFor(tables: readonly BenchTable[]): readonly HeadKind[] {
  const names = tables.map(({ name }) => name);
  if (names.includes("drafts")) return HEAD_KINDS;
  return names.includes("speculation") ? ["eagle2"] : [];
}

function sourcesOf(values: BenchValues, tables: readonly BenchTable[]): readonly ModelSource[] {
  const { synthetic, model, inflate } = values;
  const trio = values.trio ?? (inflate === undefined ? undefined : "models/demo");
  const storages = headStorages(values);
  if (synthetic !== undefined) {
    const shapes = Object.fromEntries(synthetic.map((name) => [name, MODEL_SHAPES[name]]));
    const heads = headsFor(tables);
    const lmHead = values["lm-head"];
    return (values.scheme ?? ["w4a16-g128"]).flatMap((scheme) =>
      storages.map((headStorage): ModelSource => ({
        kind: "synthetic",
        shapes,
        scheme,
        lmHead,
        heads,
        headStorage,
      }))
    );
  }
  if (model !== undefined) return [{ kind: "directory", dir: model }];
  if (trio === undefined) return [];
  if (inflate === undefined) return [{ kind: "trio", dir: trio }];
  const inflation = INFLATIONS[inflate];
  return storages.map((headStorage) => ({ kind: "trio", dir: trio, inflation, headStorage }));
}

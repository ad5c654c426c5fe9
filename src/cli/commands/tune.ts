/**
 * `tune`: which settings of speculation are the fastest for some models here.
 *
 * @module
 */
import { snakeCase } from "../../base/key_case.ts";
import { checkWritable, writeWhole } from "../../checkpoint/containers/whole_file.ts";
import { Engine, type Tuned } from "../../engine/mod.ts";
import { type Command, command } from "../options/command.ts";
import { needsOption } from "../options/needs.ts";
import {
  BACKEND_OPTION,
  JSON_OPTION,
  KV_CACHE_OPTION,
  TARGET_OPTION,
  THREADS_OPTION,
} from "../options/shared.ts";
import { UsageError } from "../options/usage_error.ts";
import { tableColumns } from "../terminal/io.ts";
import { writeJson } from "../terminal/json.ts";
import { Progress } from "../terminal/progress.ts";
import { benchPrompts } from "./bench/prompts.ts";
import { readTextFile } from "./input.ts";
import { keepCosts } from "./tune/cache.ts";
import { cellsOf, mapSvg } from "./tune/map.ts";
import { tuneText } from "./tune/report.ts";

/** Prompts where none are given. */
const PROMPTS = 3;

/** Tokens in the caches at which rounds are timed, where nothing is said and the context allows them. */
const CONTEXTS = { cuda: [128, 1024, 4096], cpu: [64, 512] };

/** Whose tokens a given rate is of, as the library names it. */
const RATED: Readonly<Record<string, string>> = {
  suffix: "0 suffix",
  head: "0 tree",
  draft: "0 draft",
  "draft-head": "1 tree",
  "draft-suffix": "1 suffix",
};

/** The `tune` command. */
export const tune: Command = command({
  name: "tune",
  summary: "Find the fastest way to draft for some models here, and keep what rounds cost.",
  notes: [
    "Times rounds of every setting that the method auto may choose at several contexts, counts how",
    "often drafts are accepted in texts behind some prompts, or takes --rates for it, and prints the",
    "best settings, predicted and, of the best three, realised. What rounds cost is kept in",
    "$XDG_CACHE_HOME/specmquant/costs or ~/.cache/specmquant/costs, by the models' files, the device",
    "and its driver, and generate --method auto begins with it.",
  ],
  options: [
    TARGET_OPTION,
    { name: "draft", type: "string", value: "MODEL", summary: "A draft model, as --target" },
    {
      name: "head",
      type: "string",
      value: "DIR",
      summary: "Directory of a head of the draft model, or of the target where there is none",
    },
    {
      name: "target-head",
      type: "string",
      value: "DIR",
      needs: [needsOption("draft")],
      summary: "Directory of a head of the target beside a draft model",
    },
    {
      name: "prompts",
      type: "string",
      value: "FILE",
      summary:
        "A file with a prompt in UTF-8 a line, \\n in it for newlines; maths problems where absent",
    },
    {
      name: "max-tokens",
      short: "n",
      type: "integer",
      value: "N",
      min: 8,
      default: 64,
      summary: "Tokens that each is continued by",
    },
    {
      name: "contexts",
      type: "integers",
      value: "128,1024",
      summary:
        `Tokens in the caches at which rounds are timed (default ${CONTEXTS.cuda.join(",")}, ` +
        `on the CPU ${CONTEXTS.cpu.join(",")})`,
    },
    {
      name: "rates",
      type: "string",
      value: "head=0.8,draft=0.85",
      summary: "The share of tokens accepted behind accepted ones, instead of counting it",
      notes: [`Of: ${Object.keys(RATED).join(", ")}; of those that are not given, none is`],
    },
    {
      name: "plot",
      type: "string",
      value: "FILE",
      summary: "Draw which method wins by the accept rates of head and draft model, as SVG",
    },
    KV_CACHE_OPTION,
    BACKEND_OPTION,
    THREADS_OPTION,
    JSON_OPTION,
  ],
  example: "tune -t models/demo/target --draft models/demo/draft --head models/demo/draft-eagle2",

  async run(values, io) {
    const { target, draft, head, backend, threads, plot, json, "kv-cache": kvCache } = values;
    const targetHead = values["target-head"];
    const rates = ratesOf(values.rates);
    if (plot !== undefined) checkWritable(plot);
    const prompts = values.prompts === undefined ? benchPrompts(PROMPTS) : linesOf(values.prompts);
    using bar = new Progress(io.stderr);
    using engine = await Engine.load({
      target,
      draft,
      head,
      targetHead,
      method: "auto",
      kvCache,
      backend,
      threads,
      progress: (role, done, total) => bar.update(`loading the ${role}`, done, total),
    });
    const tuned = engine.tune({
      prompts: prompts.map((prompt) => engine.encode(prompt)),
      maxTokens: values["max-tokens"],
      contexts: contextsOf(values.contexts, engine),
      realised: 3,
      rates,
      progress: (label, done, total) => bar.update(label, done, total),
    });
    bar.clear();
    const settings = tuned.settings.map(({ setting }) => setting);
    const kept = keepCosts(
      { target, draft, head, targetHead },
      engine.device,
      settings,
      tuned.costs,
      kvCache,
    );
    if (plot !== undefined) {
      const title = `${engine.target.dir} on ${engine.device.name}, ${
        tuned.context.toFixed(0)
      } tokens`;
      writeWhole(plot, mapSvg(title, cellsOf(settings, tuned.costs, tuned.context)));
    }
    if (json) await writeJson(io.stdout, jsonOf(tuned, kept));
    else {
      await io.stdout.write(tuneText(tuned, tableColumns(io.stdout)));
      const where = kept === undefined ? "not kept: no home directory is known" : `kept in ${kept}`;
      await io.stderr.write(`costs ${where}\n`);
    }
    return 0;
  },
});

function jsonOf({ costs, survival, context, settings }: Tuned, kept: string | undefined): unknown {
  return {
    context,
    // Names of drafters are data.
    costs: {
      contexts: costs.contexts,
      levels: costs.levels.map(({ draftMs, ...level }) => ({
        ...snakeCase(level) as object,
        draft_ms: draftMs,
      })),
    },
    survival,
    settings: snakeCase(settings),
    kept: kept ?? null,
  };
}

function contextsOf(given: readonly number[] | undefined, engine: Engine): readonly number[] {
  const most = engine.context - 40;
  const stray = given?.find((context) => context < 1 || context > most);
  if (stray !== undefined) {
    throw new UsageError(`Cannot use --contexts ${stray}: expected 1 to ${most} with these models`);
  }
  const contexts = given ?? CONTEXTS[engine.device.backend].filter((context) => context <= most);
  return [...new Set(contexts)].sort((a, b) => a - b);
}

function linesOf(file: string): readonly string[] {
  const lines = readTextFile(file).split("\n").filter((line) => line !== "");
  if (lines.length > 0) return lines.map((line) => line.replaceAll("\\n", "\n"));
  throw new UsageError(`Cannot use --prompts ${file}: it is empty, expected a prompt a line`);
}

/** A share of less than one. */
const SHARE = /^(0|0?\.\d+|0\.)$/;

function ratesOf(given: string | undefined): Readonly<Record<string, number>> | undefined {
  if (given === undefined) return undefined;
  return Object.fromEntries(
    given.split(",").map((part) => {
      const [name, rate = "", ...more] = part.split("=");
      if (!Object.hasOwn(RATED, name) || !SHARE.test(rate) || more.length > 0) {
        throw new UsageError(
          `Cannot use --rates ${given}: "${part}" is in it, expected a share from 0 to less than 1 of ${
            Object.keys(RATED).join(", ")
          }, as draft=0.8`,
        );
      }
      return [RATED[name], Number(rate)];
    }),
  );
}

/**
 * A run of benches: opens the device, loads the models, measures table by table.
 *
 * @module
 */
import type { KvCacheDType } from "../../../base/dtype.ts";
import { type Backend, Device } from "../../../device/mod.ts";
import type { ChoiceOptions } from "../../../engine/mod.ts";
import { VERSION } from "../../options/version.ts";
import type { Bench, BenchTable } from "./bench.ts";
import { measureRead } from "./ceilings.ts";
import { commitOf, describeDevice } from "./environment.ts";
import type { Section } from "./figure.ts";
import { benchPrompts } from "./prompts.ts";
import type { Report, ReportOptions } from "./report.ts";
import { checkFits, loadModels, type ModelSource } from "./sources.ts";

/** What to run. */
export interface RunOptions extends ReportOptions {
  /** Where to run. */
  readonly backend: Backend;
  /** Threads of the twin; all cores where absent. */
  readonly threads?: number;
  /** The models of each part of the run, which are on the device one part after the other; none where absent. */
  readonly sources?: readonly ModelSource[];
  /** Tokens of the prompts that are read; what suits the device where absent. */
  readonly promptTokens?: readonly number[];
  /** How caches are kept, one after the other; `f16` where absent. */
  readonly kvCaches?: readonly KvCacheDType[];
  /** The tables, in the order of measuring. */
  readonly tables: readonly BenchTable[];
  /** Prompts of the end-to-end table. */
  readonly prompts: number;
  /** Tokens from each of them. */
  readonly maxTokens: number;
  /** How they are chosen. */
  readonly choice: ChoiceOptions;
  /** Hears how far loading and measuring are. */
  progress(label: string, done: number, total: number): void;
}

/**
 * Runs the benches; gives the report before the first section, and again with each section that is added
 * to it.
 */
export async function* runBench(
  options: RunOptions,
): AsyncGenerator<{ report: Report; added?: Section }> {
  const { context, runs, rows, progress, kvCaches = ["f16"] } = options;
  using device = Device.open({ backend: options.backend, threads: options.threads });
  for (const source of options.sources ?? []) {
    for (const kvCache of kvCaches) checkFits(device, source, context, kvCache);
  }
  const sections: Section[] = [];
  const report: Report = {
    source: `specmquant ${VERSION}`,
    date: new Date().toISOString(),
    commit: commitOf(),
    device: describeDevice(device),
    options: { context, runs, rows },
    sections,
  };
  yield { report };
  // Before the models are there: a large buffer may not fit beside them.
  progress("ceilings", 0, 1);
  const read = measureRead(device, runs);
  const { sources = [] } = options;
  for (const [part, source] of (sources.length > 0 ? sources : [undefined]).entries()) {
    const tables = part === 0 ? options.tables : options.tables.filter(({ once }) => !once);
    for await (const added of measureOn(device, source, { ...options, tables }, read)) {
      sections.push(added);
      yield { report, added };
    }
  }
}

/** Measures the tables on one part's models. */
async function* measureOn(
  device: Device,
  source: ModelSource | undefined,
  options: RunOptions,
  read: Bench["read"],
): AsyncGenerator<Section> {
  const { context, runs, rows, promptTokens, progress, kvCaches = ["f16"] } = options;
  using loaded = source && loadModels(device, source, progress);
  const { models = [], synthetic = false, tokenizer } = loaded ?? {};
  const text = tokenizer && {
    tokenizer,
    prompts: benchPrompts(options.prompts),
    maxTokens: options.maxTokens,
    choice: options.choice,
  };
  const bench: Bench = {
    device,
    models,
    synthetic,
    text,
    context,
    kvCaches,
    rows,
    promptTokens,
    runs,
    read,
    progress,
  };
  for (const table of options.tables) yield* table.measure(bench);
}

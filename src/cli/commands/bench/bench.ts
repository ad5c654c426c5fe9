/**
 * What tables measure with, and on.
 *
 * @module
 */
import type { KvCacheDType } from "../../../base/dtype.ts";
import type { HeadKind } from "../../../checkpoint/synthetic/head_shapes.ts";
import type { Device } from "../../../device/mod.ts";
import type { Heads } from "../../../engine/composition.ts";
import type { ChoiceOptions } from "../../../engine/mod.ts";
import type { HeadModel, Model } from "../../../model/mod.ts";
import type { Tokenizer } from "../../../text/tokenizer.ts";
import type { Section } from "./figure.ts";
import type { Samples } from "./samples.ts";

/** A loaded model with its heads. */
export interface BenchModel {
  /** Its name in results, e.g. `llama-3-8b`. */
  readonly name: string;
  /** Its weights. */
  readonly model: Model;
  /** Its heads, by family, as far as there are any. */
  readonly heads: Heads;
  /** Further heads, each loaded where a table asks for it: a device may not hold all at once. */
  readonly others: readonly {
    /** Its family. */
    readonly kind: HeadKind;
    /** Loads it. */
    load(): HeadModel;
  }[];
}

/** Texts to generate from. */
export interface BenchText {
  /** The tokenizer of the models. */
  readonly tokenizer: Tokenizer;
  /** Prompts. */
  readonly prompts: readonly string[];
  /** Tokens to generate from each. */
  readonly maxTokens: number;
  /** How they are chosen. */
  readonly choice: ChoiceOptions;
}

/** A run of benches. */
export interface Bench {
  /** Where it runs. */
  readonly device: Device;
  /** The models; the first is the target, the last drafts for it where there are several. */
  readonly models: readonly BenchModel[];
  /** Whether the models' weights are random, so that drafts are accepted by chance alone. */
  readonly synthetic: boolean;
  /** What to generate from; absent for models without text. */
  readonly text?: BenchText;
  /** Tokens in the cache. */
  readonly context: number;
  /** How caches are kept, one after the other. */
  readonly kvCaches: readonly KvCacheDType[];
  /** Row counts of forwards. */
  readonly rows: readonly number[];
  /** Tokens of the prompts that are read; what suits the device where absent. */
  readonly promptTokens?: readonly number[];
  /** Samples of each figure. */
  readonly runs: number;
  /** The time to read a large buffer of `bytes` bytes: the ceiling of all shares. */
  readonly read: { readonly samples: Samples; readonly bytes: number };
  /** Hears how far a table is. */
  progress(label: string, done: number, total: number): void;
}

/** All options of the command that give models. */
export const MODEL_OPTIONS: readonly string[] = ["synthetic", "model", "trio", "inflate"];

/** A table: one file, and one line in the registry. */
export interface BenchTable {
  /** As the command line names it. */
  readonly name: string;
  /** What it measures, in one line. */
  readonly summary: string;
  /** The options of the command that give models to measure it on; about the device alone where absent. */
  readonly models?: readonly string[];
  /** The options of the command that change what it measures and that not all tables have a use for. */
  readonly uses?: readonly string[];
  /** Whether it is about the device alone, and so measured once, whatever models follow one another. */
  readonly once?: boolean;
  /** Measures; gives each section as soon as it stands. None where the run has nothing to measure it on. */
  measure(bench: Bench): AsyncIterable<Section> | Iterable<Section>;
}

/** What a model's sections are about: its name, its scheme, and how caches are kept where that is not as usual. */
export function subjectOf({ name, model }: BenchModel, kvCache: KvCacheDType = "f16"): string {
  return `${name}/${model.summary.scheme}${kvCache === "f16" ? "" : `/kv-${kvCache}`}`;
}

/** The device's read ceiling in bytes a second. */
export function readCeiling({ read }: Bench): number {
  return read.bytes / (read.samples.median / 1000);
}

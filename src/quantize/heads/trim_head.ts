/**
 * Gives a head a smaller vocabulary: the tokens that a text has most of (FR-Spec, arXiv 2502.14856).
 *
 * @module
 */
import { DTYPE_BYTES } from "../../base/dtype.ts";
import { ArgumentError, FileError, UnsupportedModelError } from "../../base/errors.ts";
import { checkSpace } from "../../base/free_space.ts";
import {
  checkOptions,
  FUNCTION,
  integer,
  type Kinds,
  PATH,
  pathOf,
  required,
  SIGNAL,
} from "../../base/options.ts";
import { onFile } from "../../base/system_error.ts";
import { type Checkpoint, openCheckpoint } from "../../checkpoint/checkpoint.ts";
import { BLOCK_TENSORS } from "../../checkpoint/config/block_head.ts";
import { DRAFT_TENSORS } from "../../checkpoint/config/draft_vocabulary.ts";
import { isObject, readJson } from "../../checkpoint/containers/json.ts";
import {
  SafetensorsWriter,
  type TensorToWrite,
} from "../../checkpoint/containers/safetensors_writer.ts";
import { type Head, openHead } from "../../checkpoint/head.ts";
import { headTokens } from "../../checkpoint/head_vocabulary.ts";
import type { Device } from "../../device/mod.ts";
import { checkHead } from "../../model/mod.ts";
import { Tokenizer } from "../../text/tokenizer.ts";
import {
  changedConfig,
  checkpointFiles,
  companionBytes,
  copyCompanions,
  modelFiles,
} from "../jobs/config_json.ts";
import { countTokens, mostFrequent } from "./count_tokens.ts";
import { exists, infoOf } from "../jobs/out_place.ts";
import { pause } from "../jobs/pause.ts";
import { outputOf, plainOutput, someRows } from "./target_output.ts";
import { vocabularyMap } from "./vocabulary_map.ts";
import { WorkDirectory } from "../jobs/work_directory.ts";

/** What {@link trimHead} is asked to do. */
export interface TrimHeadOptions {
  /** Directory of the head, not quantized: a path or a `file:` URL, like the others. */
  readonly head: string | URL;
  /** The model that it drafts for: its tokenizer cuts the text, its output projection serves a head that has none. */
  readonly target: string | URL;
  /** The text: answers as `writeStates` reads them where its name ends in .jsonl, else plain text. */
  readonly texts: string | URL;
  /** Tokens to keep. */
  readonly keep: number;
  /** Directory to write, absent or empty. */
  readonly out: string | URL;
  /** Opens a device; asked only where the output projection is the target's and quantized. */
  readonly device?: () => Device;
  /** Hears where the work stands. */
  readonly onProgress?: (stage: "counting tokens" | "writing", done: number, total: number) => void;
  /** Hears where what is finished lies, where the work ends early. */
  readonly onKept?: (dir: string) => void;
  /** Stops the work; tokens that are counted stay counted for the next run. */
  readonly signal?: AbortSignal;
}

/** What {@link trimHead} did. */
export interface TrimHeadResult {
  /** Tokens that the head drafts. */
  readonly kept: number;
  /** Tokens that it drafted before. */
  readonly before: number;
  /** The share of the text that they are; absent where all that was left to do was to move files. */
  readonly coverage?: number;
}

const KINDS: Kinds<TrimHeadOptions> = {
  head: required(PATH),
  target: required(PATH),
  texts: required(PATH),
  keep: required(integer(1)),
  out: required(PATH),
  device: FUNCTION,
  onProgress: FUNCTION,
  onKept: FUNCTION,
  signal: SIGNAL,
};

const DOING = "trim a head";

/** Milliseconds of counting between two pauses: a line takes far less. */
const PAUSES_MS = 50;

/** The tokens kept, and the share of the text that they are. */
interface Counted {
  readonly tokens: readonly number[];
  readonly coverage: number;
}

/**
 * Writes `head` with the `keep` tokens alone that `texts` have most of; of those that it has as many of the lower ids, special
 * tokens and those that end a text always. Its rows of logits are those that it had, `d2t` and `t2d` say whose; a head that
 * takes its target's output projection gets rows of that. What is not kept is never proposed, so texts stay what they are.
 * The directory appears complete or not at all. Rejects with the signal's reason when aborted.
 */
export async function trimHead(options: TrimHeadOptions): Promise<TrimHeadResult> {
  checkOptions(DOING, options, KINDS);
  const [dir, target, texts, out] = (["head", "target", "texts", "out"] as const).map((name) =>
    pathOf(DOING, name, options[name])
  );
  const { keep, signal, onProgress } = options;
  signal?.throwIfAborted();
  using head = openHead(dir);
  using checkpoint = openCheckpoint(target);
  checkHead(head, checkpoint);
  refuseQuantized(head);
  const vocabulary = draftedTokens(head, checkpoint);
  const always = alwaysKept(checkpoint);
  checkKeep(keep, vocabulary, always, dir);
  onFile("read", texts, () => Deno.openSync(texts).close());
  // Rows of a quantized projection are what a device says that they are.
  const asks = !hasProjection(head) && plainOutput(checkpoint) === undefined;
  using device = asks ? options.device?.() : undefined;
  using work = new WorkDirectory(out, dir, {
    program: 1,
    keep,
    head: modelFiles(dir),
    target: checkpointFiles(checkpoint),
    texts: textOf(texts),
    backend: device?.backend,
  });
  const file = work.state("kept.json");
  try {
    let coverage: number | undefined;
    if (!work.finished) {
      checkSpace(out, work.dir, bytesOf(head, keep) - work.bytes());
      if (!exists(file)) {
        const counting = countTokens(target, texts, checkpoint.config.vocabSize);
        let next = counting.next();
        for (let told = 0; !next.done; next = counting.next()) {
          if (performance.now() - told < PAUSES_MS) continue;
          told = performance.now();
          onProgress?.("counting tokens", next.value, 1);
          await pause(signal);
        }
        const counted = choose(next.value, vocabulary, keep, always);
        work.writeFile(file, new TextEncoder().encode(JSON.stringify(counted)));
      }
      const kept = onFile("read", file, () => JSON.parse(Deno.readTextFileSync(file)) as Counted);
      coverage = kept.coverage;
      const tensors = trimmed(head, checkpoint, kept.tokens, device);
      using writer = new SafetensorsWriter(`${work.model}/model.safetensors`, tensors, {
        format: "pt",
      });
      for (const [i, { name, data }] of tensors.entries()) {
        writer.write(name, data());
        onProgress?.("writing", i + 1, tensors.length);
        await pause(signal);
      }
      writer.finish();
      copyCompanions(dir, work.model);
      const config = new TextEncoder().encode(changedConfig(dir, describe(dir, keep)));
      work.writeFile(`${work.model}/config.json`, config);
    }
    work.finish();
    return { kept: keep, before: vocabulary.length, coverage };
  } catch (error) {
    leave(work, file, options);
    throw error;
  }
}

/** Says what is kept of work that ends early; what ended it is what will be told. */
function leave(work: WorkDirectory, file: string, { onKept }: TrimHeadOptions): void {
  try {
    if (exists(file)) onKept?.(work.dir);
    else work.remove();
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
  }
}

/** Whether a head has an output projection of its own. */
function hasProjection({ config }: Head): boolean {
  return config.kind === "eagle3" || config.ownOutput;
}

/** Refuses what has no rows to take. */
function refuseQuantized({ dir, quantization }: Head): void {
  if (quantization === undefined) return;
  throw new UnsupportedModelError(
    `trimming ${dir}, which is quantized (${quantization.method})`,
    "expected a head as it was trained; trim it first, then quantize it",
  );
}

/** The token of each entry of the logits of `head`, those alone that its target has, too. */
function draftedTokens({ tensors, config }: Head, target: Checkpoint): number[] {
  const { model, draftVocabSize } = config;
  const known = Math.min(model.vocabSize, target.config.vocabSize);
  const tokens = headTokens(tensors, config) ??
    Int32Array.from({ length: draftVocabSize }, (_, i) => i);
  return [...tokens].filter((token) => token < known);
}

/** Tokens that no text may have, and that end one: special ones, and those at which the model stops. */
function alwaysKept({ dir, config }: Checkpoint): Set<number> {
  return new Set([...Tokenizer.load(dir).specialIds, ...config.eosTokenIds]);
}

function checkKeep(
  keep: number,
  vocabulary: readonly number[],
  always: ReadonlySet<number>,
  dir: string,
): void {
  const refuse = (expected: string): never => {
    throw new ArgumentError("keep", `Cannot ${DOING}: keep is ${keep}, expected ${expected}`);
  };
  if (keep >= vocabulary.length) {
    refuse(`less than the ${vocabulary.length} tokens that ${dir} drafts`);
  }
  const special = vocabulary.filter((token) => always.has(token)).length;
  if (keep <= special) refuse(`more than the ${special} special tokens, which are kept always`);
}

/** What tells a text from others: its name, size and time. */
function textOf(file: string): string {
  const { size, mtime } = infoOf(file)!;
  return `${file} ${size} ${mtime?.getTime()}`;
}

function choose(
  counts: Float64Array,
  vocabulary: readonly number[],
  keep: number,
  always: ReadonlySet<number>,
): Counted {
  const tokens = mostFrequent(counts, vocabulary, keep, always);
  const all = counts.reduce((sum, count) => sum + count, 0);
  return { tokens, coverage: tokens.reduce((sum, token) => sum + counts[token], 0) / all };
}

/** The tensors of `head` with the logits of `tokens` alone. */
function trimmed(
  head: Head,
  target: Checkpoint,
  tokens: readonly number[],
  device?: Device,
): TensorToWrite[] {
  const { tensors, config } = head;
  const { output, toTokens, hasToken } = DRAFT_TENSORS;
  const projection = `${output}.weight`;
  const after = `${BLOCK_TENSORS.markov[1]}.weight`;
  const entries = new Map(
    Array.from(headTokens(tensors, config) ?? [], (token, entry) => [token, entry]),
  );
  const indices = tokens.map((token) => entries.get(token) ?? token);
  const cut = (name: string): TensorToWrite => {
    const info = tensors.info(name);
    const shape = [tokens.length, info.shape[1]];
    return { ...info, shape, data: () => someRows(tensors, name, indices) };
  };
  const kept = tensors.names()
    .filter((name) => ![projection, toTokens, hasToken, after].includes(name))
    .map((name): TensorToWrite => ({
      ...tensors.info(name),
      data: () => tensors.chunks(name),
    }));
  return [
    ...kept,
    ...(tensors.find(after) ? [cut(after)] : []),
    hasProjection(head) ? cut(projection) : outputOf(target, tokens, device),
    ...vocabularyMap(tokens, config.model.vocabSize),
  ];
}

/** What `config.json` of the head in `dir` says else, at the root and where a family keeps its own keys. */
function describe(dir: string, keep: number): Record<string, unknown> {
  const size = { draft_vocab_size: keep };
  const json = readJson(`${dir}/config.json`);
  const inner = isObject(json) ? json.dflash_config : undefined;
  return {
    ...size,
    ...(isObject(inner) && "draft_vocab_size" in inner && { dflash_config: { ...inner, ...size } }),
  };
}

/** About the bytes that the trimmed head takes, at most. */
function bytesOf({ dir, tensors, config: { model } }: Head, keep: number): number {
  const bytes = tensors.names().reduce((sum, name) => sum + tensors.info(name).bytes, 0);
  return bytes + keep * (model.hiddenSize * DTYPE_BYTES.f32 + DTYPE_BYTES.i64) + model.vocabSize +
    companionBytes(dir);
}

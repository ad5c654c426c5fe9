/**
 * Gives a head a smaller vocabulary: the tokens that a text has most of (FR-Spec, arXiv 2502.14856).
 *
 * @module
 */
import { ArgumentError, FileError, UnsupportedModelError } from "../../base/errors.ts";
import { checkSpace } from "../../base/free_space.ts";
import { onFile } from "../../base/system_error.ts";
import { type Checkpoint, openCheckpoint } from "../../checkpoint/checkpoint.ts";
import { SafetensorsWriter } from "../../checkpoint/containers/safetensors_writer.ts";
import { type Head, openHead } from "../../checkpoint/head.ts";
import { recentTokensOf } from "../../checkpoint/config/head_config.ts";
import { headTokens } from "../../checkpoint/head_vocabulary.ts";
import { checkHead } from "../../model/mod.ts";
import { Tokenizer } from "../../text/tokenizer.ts";
import { changedConfig, checkpointFiles, copyCompanions, modelFiles } from "../jobs/config_json.ts";
import { exists, infoOf } from "../jobs/out_place.ts";
import { pause } from "../jobs/pause.ts";
import { WorkDirectory } from "../jobs/work_directory.ts";
import { countTokens, mostFrequent } from "./count_tokens.ts";
import { expectDevice, plainOutput } from "./target_output.ts";
import {
  checkTrimOptions,
  DEFAULT_RECENT_TOKENS,
  DOING,
  KEPT_WITH_RECENT,
  type TrimHeadOptions,
  type TrimHeadResult,
} from "./trim_options.ts";
import { describeTrimmed, hasProjection, trimmedBytes, trimmedTensors } from "./trimmed_tensors.ts";

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
 * takes its target's output projection gets rows of that, and may have recent tokens beside them. What is neither is never
 * proposed, so texts stay what they are. The directory appears complete or not at all. Rejects with the signal's reason when aborted.
 */
export async function trimHead(given: TrimHeadOptions): Promise<TrimHeadResult> {
  const options = checkTrimOptions(given);
  const { head: dir, target, texts, out, keep, signal, onProgress } = options;
  signal?.throwIfAborted();
  using head = openHead(dir);
  using checkpoint = openCheckpoint(target);
  checkHead(head, checkpoint);
  refuseQuantized(head);
  const vocabulary = draftedTokens(head, checkpoint);
  const always = alwaysKept(checkpoint);
  checkKeep(keep, vocabulary, always, dir);
  const recentTokens = recentTokensFor(options, head, checkpoint);
  onFile("read", texts, () => Deno.openSync(texts).close());
  // Rows of a quantized projection are what a device says that they are.
  const asks = !hasProjection(head) && plainOutput(checkpoint) === undefined;
  if (asks) expectDevice(target, options.device);
  using device = asks ? options.device?.() : undefined;
  using work = new WorkDirectory(out, dir, {
    program: 2,
    keep,
    recentTokens,
    head: modelFiles(dir),
    target: checkpointFiles(checkpoint),
    texts: textOf(texts),
    backend: device?.backend,
  });
  const file = work.state("kept.json");
  try {
    let coverage: number | undefined;
    if (!work.finished) {
      checkSpace(out, work.dir, trimmedBytes(head, keep) - work.bytes());
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
      const tensors = trimmedTensors(head, checkpoint, kept.tokens, device);
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
      const config = new TextEncoder().encode(
        changedConfig(dir, describeTrimmed(dir, keep, recentTokens)),
      );
      work.writeFile(`${work.model}/config.json`, config);
    }
    work.finish();
    return { kept: keep, recentTokens, before: vocabulary.length, coverage };
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
  const known = knownTokens({ config }, target);
  const tokens = headTokens(tensors, config) ??
    Int32Array.from({ length: config.draftVocabSize }, (_, i) => i);
  return [...tokens].filter((token) => token < known);
}

/** Tokens that a head and its target know. */
function knownTokens({ config: { model } }: Pick<Head, "config">, target: Checkpoint): number {
  return Math.min(model.vocabSize, target.config.vocabSize);
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

/** How many recent tokens `head` is to get. */
function recentTokensFor(
  { keep, recentTokens }: TrimHeadOptions,
  head: Head,
  target: Checkpoint,
): number {
  const refuse = (expected: string): never => {
    throw new ArgumentError(
      "recentTokens",
      `Cannot ${DOING}: recentTokens is ${recentTokens}, expected ${expected}`,
    );
  };
  // One that has them has been trimmed before.
  if (hasProjection(head) && recentTokensOf(head.config) === 0) {
    if (recentTokens) {
      refuse(
        `0, as ${head.dir} has an output projection of its own, which need not be its target's`,
      );
    }
    return 0;
  }
  const most = knownTokens(head, target) - keep;
  if (recentTokens === undefined) {
    return keep < KEPT_WITH_RECENT ? 0 : Math.min(DEFAULT_RECENT_TOKENS, most);
  }
  if (recentTokens > most) refuse(`at most ${most}, the tokens that are not kept`);
  return recentTokens;
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

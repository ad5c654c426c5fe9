/**
 * Draft heads against the models that they draft for, before a byte of their weights is read.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import type { ModelConfig } from "../checkpoint/config/config.ts";
import { type BlockConfig, recentTokensOf, tapsFor } from "../checkpoint/config/head_config.ts";
import { recorded } from "../checkpoint/containers/views.ts";
import type { Head } from "../checkpoint/head.ts";
import { headTokens, recentVocabulary } from "../checkpoint/head_vocabulary.ts";
import {
  checkEmbedding,
  checkFloat,
  checkLinear,
  type DescribedLinear,
  factsOfRows,
  type LinearPart,
  type StoredWeights,
} from "../quant/mod.ts";
import { checkCopies } from "./head_output.ts";
import { hasEmbedding, type HeadTensors, headTensors, storedWeights } from "./head_tensors.ts";
import { checkLayer } from "./layer.ts";
import { type BufferNeeds, needsOf } from "./needs.ts";
import { type UnusedTensor, unusedTensors, warnOfTensors } from "./unused.ts";
import { checkVocabulary } from "./vocabulary.ts";

/** What is known of a head before a byte of its weights is read. */
export interface HeadSummary {
  /** Bytes of its weights on a device. */
  readonly weightBytes: number;
  /** Every linear layer as it is stored. */
  readonly layers: readonly DescribedLinear[];
  /** Which buffers it needs; rows of logits need what its verifier's do, where it has no output projection. */
  readonly needs: BufferNeeds;
  /** Entries of its logits, where it has an output projection of its own. */
  readonly vocabulary?: number;
  /** Bytes of buffers that each row of its forwards needs beside those. */
  readonly rowBytes: number;
  /** Bytes that its verifier keeps of each row of a forward for it alone. */
  readonly tapBytes: number;
  /** Bytes of its recent tokens, for each text. */
  readonly recentBytes: number;
  /** Tensors that it does not use. */
  readonly unused: readonly UnusedTensor[];
}

/** The model that a head drafts for, as far as they have to fit. */
export interface HeadVerifier {
  /** Its directory. */
  readonly dir: string;
  /** Its configuration. */
  readonly config: ModelConfig;
}

/**
 * Checks every tensor of a head against the model that it drafts for, and warns of those that should perhaps be used
 * and are not. Reads no weights but a map of its vocabulary, and an output projection that is to be its verifier's.
 */
export function checkHead(head: Head, verifier: HeadVerifier): HeadSummary {
  const source = recorded(head.tensors);
  const weights = { ...storedWeights(head), source };
  const { model } = head.config;
  checkVerifier(head, verifier);
  const described = headTensors(head);
  const { fc: fcPart, output: outputPart, lmHead: lmHeadPart, markov } = described;
  const { fcNorm, finalNorm, tapNorms, layerInput } = described;
  const linear = (part: LinearPart) => factsOfRows(checkLinear(weights, [part]), part.k);
  // A head that is looked at alone is checked against itself.
  if (verifier.dir !== head.dir) checkCopies(head, verifier.dir);
  headTokens(source, head.config);
  recentVocabulary(head.dir, source, head.config, verifier.config.vocabSize);
  const norms = [...tapNorms, fcNorm, finalNorm].filter((norm) => norm !== undefined);
  for (const { name, size } of norms) checkFloat(weights, name, [size]);
  const fc = linear(fcPart);
  const layers = Array.from(
    { length: model.layers },
    (_, i) => checkLayer(weights, model, `layers.${i}`, layerInput(i)),
  );
  const output = outputPart && linear(outputPart);
  const lmHead = lmHeadPart && linear(lmHeadPart);
  const after = markov && linear(markov.after);
  const others = [fc, output, after].filter((one) => one !== undefined);
  const { context } = described;
  // These lie on the device twice: with the queries of their layers, and together.
  const keys = context && factsOfRows(checkLinear(weights, context), model.hiddenSize);
  const all = [...layers, ...others, ...(lmHead ? [lmHead] : []), ...(keys ? [keys] : [])];
  let weightBytes = all.reduce((sum, { bytes }) => sum + bytes, 0) +
    norms.reduce((sum, { size }) => sum + size * 2, 0);
  if (described.confidence) weightBytes += checkConfidence(weights, described.confidence);
  if (keys && model.qkNorm) weightBytes += model.layers * model.headDim * 2;
  if (markov) weightBytes += checkEmbedding(weights, markov.before).bytes;
  if (hasEmbedding(head)) weightBytes += checkEmbedding(weights, described.embedding).bytes;
  const unused = unusedTensors(source);
  warnOfTensors(head.dir, unused, "what it proposes may be worse than it should");
  return {
    weightBytes,
    layers: [...others, ...layers, ...(lmHead ? [lmHead] : [])].flatMap((one) => one.layers),
    needs: needsOf(layers, [...others, ...(keys ? [keys] : [])], lmHead),
    vocabulary: lmHeadPart && lmHeadPart.n + recentTokensOf(head.config),
    ...bufferBytes(head, described),
    recentBytes: recentBytes(head, verifier),
    unused,
  };
}

/** See `HeadSummary`. */
function bufferBytes(
  { config: { kind, model: { hiddenSize } } }: Head,
  { fc, tapNorms, context = [] }: HeadTensors,
): Pick<HeadSummary, "rowBytes" | "tapBytes"> {
  const pairs = 2 * 2 * hiddenSize;
  if (kind === "eagle2") return { rowBytes: pairs + 2 * hiddenSize, tapBytes: 0 };
  const tapBytes = 2 * fc.k;
  if (kind !== "eagle3") {
    return { rowBytes: tapBytes + context.reduce((sum, { n }) => sum + 2 * n, 0), tapBytes };
  }
  const wide = tapNorms.length === 0 ? 0 : 4 * (fc.k / tapNorms.length);
  return { rowBytes: pairs + tapBytes + wide + 4 * hiddenSize, tapBytes };
}

/** Weights and a map of recent tokens, where there are any. */
function recentBytes({ config }: Head, verifier: HeadVerifier): number {
  const count = recentTokensOf(config);
  if (count === 0) return 0;
  const known = Math.max(config.model.vocabSize, verifier.config.vocabSize);
  return 2 * count * config.model.hiddenSize + 4 * (config.draftVocabSize + count + known);
}

/** Refuses a block drafter whose mask has no embedding, or whose Markov head knows tokens that there are no logits of. */
function checkEntries(
  { maskToken, model, markovRank, draftVocabSize }: BlockConfig,
  { config: { vocabSize }, dir: above }: HeadVerifier,
  dir: string,
): void {
  if (maskToken >= vocabSize) {
    throw new CheckpointError(
      dir,
      `its mask_token_id is ${maskToken}, expected one of the ${vocabSize} tokens of ${above}`,
    );
  }
  if (markovRank > 0 && draftVocabSize === model.vocabSize && draftVocabSize > vocabSize) {
    throw new CheckpointError(
      dir,
      `its Markov head has ${draftVocabSize} tokens, expected at most ${vocabSize} as ${above} has`,
    );
  }
}

/** Checks a confidence head; gives its bytes on a device. */
function checkConfidence(
  weights: StoredWeights,
  { prefix, inputs, bias }: NonNullable<HeadTensors["confidence"]>,
): number {
  const read = inputs.reduce((sum, width) => sum + width, 0);
  checkFloat(weights, `${prefix}.weight`, [1, read]);
  if (bias) checkFloat(weights, `${prefix}.bias`, [1]);
  return (read + 1) * 2;
}

/** Refuses a head of another model than `verifier`. */
function checkVerifier(head: Head, verifier: HeadVerifier): void {
  const { dir, config } = head;
  const { model } = config;
  const refuse = (what: string, found: unknown, expected: unknown): never => {
    throw new CheckpointError(
      dir,
      `its ${what} is ${found}, expected ${expected} as in ${verifier.dir}`,
    );
  };
  // Alone, it has nothing to fit to.
  const alone = verifier.dir === dir;
  const { hiddenSize, layers } = verifier.config;
  const read = config.kind === "eagle2" ? model.hiddenSize : config.taps.hiddenSize;
  if (read !== hiddenSize && !alone) refuse("hidden size", read, hiddenSize);
  if (model.hiddenSize !== read && !hasEmbedding(head)) {
    const reason =
      `it is missing, expected one in a head of hidden size ${model.hiddenSize} for a model of ${read}`;
    throw new CheckpointError(head.tensors.file, reason, "embed_tokens.weight");
  }
  checkVocabulary(verifier, { dir, config: model });
  if ("maskToken" in config) checkEntries(config, verifier, dir);
  if (config.kind !== "eagle2" && !alone) {
    const { verifierLayers = layers } = config.taps;
    if (verifierLayers !== layers) refuse("number of target layers", verifierLayers, layers);
    const taps = tapsFor(config.taps, layers);
    if (taps.some((tap) => tap < 0 || tap > layers)) {
      throw new CheckpointError(
        dir,
        `it reads hidden states behind ${
          taps.join(", ")
        } layers, expected 0 to ${layers} as ${verifier.dir} has`,
      );
    }
  }
  if (model.rotation !== verifier.config.rotation) {
    const named = (seed?: number) => seed === undefined ? "none" : `that of seed ${seed}`;
    throw new CheckpointError(
      dir,
      `its rotation is ${named(model.rotation)}, expected ${
        named(verifier.config.rotation)
      } as in ` +
        `${verifier.dir}; "specmquant convert-head" makes an EAGLE-2 head for a rotated model`,
    );
  }
}

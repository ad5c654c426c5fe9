/**
 * What a directory of a model or a head holds, found without reading weights.
 *
 * @module
 */
import type { KvCacheDType } from "../../base/dtype.ts";
import { ArgumentError } from "../../base/errors.ts";
import { elements } from "../../base/shape.ts";
import { type Checkpoint, openCheckpoint } from "../../checkpoint/checkpoint.ts";
import type { ModelConfig } from "../../checkpoint/config/config.ts";
import { type HeadConfig, recentTokensOf } from "../../checkpoint/config/head_config.ts";
import { type Head, openHead } from "../../checkpoint/head.ts";
import type { TensorInfo, TensorSource } from "../../checkpoint/containers/source.ts";
import { openWeights } from "../../checkpoint/containers/weights.ts";
import { contextOf, type MemoryPlan, planMemory } from "../../engine/mod.ts";
import { kindOf } from "../../checkpoint/kind.ts";
import { findGguf } from "../../gguf/mod.ts";
import { checkHead, schemesOf, summarizeModel, type UnusedTensor } from "../../model/mod.ts";
import { ChatTemplate } from "../../text/chat_template.ts";
import { tokenizerFile } from "../../text/tokenizer/stored.ts";
import { Vocabulary } from "../../text/tokenizer/vocabulary.ts";
import { headParameters, modelParameters } from "./parameters.ts";
import { groupSchemes, type SchemeGroup } from "./scheme_groups.ts";

/** A special token; its text is known where there is a tokenizer. */
export interface SpecialToken {
  /** Its id. */
  readonly id: number;
  /** Its text in the vocabulary. */
  readonly text?: string;
}

/** What a directory holds. */
export interface Description {
  /** The directory, as given. */
  readonly dir: string;
  /** A complete model, or a head. */
  readonly kind: "model" | "head";
  /** The family of a head. */
  readonly family?: HeadConfig["kind"];
  /** Tokens that a head drafts. */
  readonly draftVocabSize?: number;
  /** Recent tokens that it drafts beside them; absent where there are none. */
  readonly recentTokens?: number;
  /** Shapes and numbers. */
  readonly config: ModelConfig;
  /** Parameters, however they are stored. */
  readonly parameters: number;
  /** How the linear layers of decoder layers are stored. */
  readonly scheme: string;
  /** The format of its files, e.g. `gptq`; absent where nothing is quantized. */
  readonly format?: string;
  /** Where it is GGUF: what its metadata says of it, and its files. */
  readonly gguf?: GgufFacts;
  /** The schemes of all linear layers, those of the same name and scheme together. */
  readonly schemes: readonly SchemeGroup[];
  /** The dtype that activations have; a head's are those of its model. */
  readonly dtype: string;
  /** Special tokens by role: `bos`, `eos`, `pad`. */
  readonly specialTokens: Readonly<Record<string, readonly SpecialToken[]>>;
  /** Whether there is a chat template. */
  readonly chatTemplate: boolean;
  /** All tensors, in the order of the files. */
  readonly tensors: readonly TensorInfo[];
  /** Bytes of all tensors on disk. */
  readonly bytes: number;
  /** Memory to run it. */
  readonly memory: MemoryPlan;
  /** Bytes that one forward of few rows must read. */
  readonly forwardBytes: number;
  /** Keys of its JSON files and tensors that are not used. */
  readonly unused: readonly Unused[];
}

/** What a GGUF file says of itself. */
export interface GgufFacts {
  /** Version of the format. */
  readonly version: number;
  /** The files, first to last. */
  readonly files: readonly string[];
  /** The name of the model, where the metadata gives it. */
  readonly name?: string;
  /** The kind of tokenizer, and how it cuts text into words, where the metadata says it. */
  readonly tokenizer?: string;
  /** The types of its matrices, with how many elements are of each. */
  readonly types: readonly { readonly type: string; readonly elements: number }[];
}

/** A key or a tensor that is not used. */
export interface Unused {
  /** What it is. */
  readonly kind: "key" | "tensor";
  /** Its path in the file, or its name. */
  readonly name: string;
  /** The file, within the directory. */
  readonly file: string;
  /** Whether what the model says, or the head proposes, may be another thing for it. */
  readonly matters: boolean;
}

/**
 * Describes `dir` at a context of `context` tokens, kept as `kvCache` says. Throws as loading would for what could not be loaded, and
 * an `ArgumentError` where the model was not made for such a context.
 */
export function describeDirectory(
  dir: string,
  context: number | undefined,
  kvCache: KvCacheDType = "f16",
): Description {
  // Heads are no GGUF.
  if (findGguf(dir) === undefined && isHead(dir)) {
    using head = openHead(dir);
    return describeHead(head, context, kvCache);
  }
  using checkpoint = openCheckpoint(dir);
  return describeModel(checkpoint, context, kvCache);
}

function isHead(dir: string): boolean {
  using tensors = openWeights(dir);
  return kindOf(tensors) === "head";
}

function unusedOf(
  { dir, unusedKeys }: Checkpoint | Head,
  tensors: readonly UnusedTensor[],
): Unused[] {
  const within = (file: string): string => {
    if (file.startsWith(`${dir}/`)) return file.slice(dir.length + 1);
    return file.slice(file.lastIndexOf("/") + 1);
  };
  return [
    ...unusedKeys.map(({ file, key, matters }): Unused => {
      return { kind: "key", name: key, file: within(file), matters };
    }),
    ...tensors.map(({ file, name, matters }): Unused => {
      return { kind: "tensor", name, file: within(file), matters };
    }),
  ];
}

function describeModel(
  checkpoint: Checkpoint,
  context: number | undefined,
  kvCache: KvCacheDType,
): Description {
  const { dir, config } = checkpoint;
  const summary = summarizeModel(checkpoint);
  const { weightBytes, needs } = summary;
  const planned = { role: "model", config, weightBytes, needs };
  return {
    dir,
    kind: "model",
    config,
    parameters: modelParameters(config),
    scheme: summary.scheme,
    format: checkpoint.quantization?.method,
    ...(checkpoint.gguf && { gguf: ggufFacts(checkpoint) }),
    schemes: groupSchemes(summary.layers),
    dtype: summary.dtype,
    specialTokens: specialTokens(checkpoint),
    chatTemplate: ChatTemplate.load(dir) !== undefined,
    ...storage(checkpoint.tensors),
    memory: planMemory([planned], contextOf({ context }, checkpoint), undefined, { kvCache }),
    forwardBytes: summary.forwardBytes,
    unused: unusedOf(checkpoint, summary.unused),
  };
}

function ggufFacts({ gguf, rawConfig, tensors }: Checkpoint): GgufFacts {
  const text = (key: string) => typeof rawConfig[key] === "string" ? rawConfig[key] : undefined;
  const counts = new Map<string, number>();
  for (const name of tensors.names()) {
    const { dtype, shape, blocks } = tensors.info(name);
    const real = blocks?.shape ?? shape;
    if (real.length < 2) continue;
    const type = blocks?.type ?? dtype.toUpperCase();
    counts.set(type, (counts.get(type) ?? 0) + elements(real));
  }
  const tokenizer = [text("tokenizer.ggml.model"), text("tokenizer.ggml.pre")]
    .filter((word) => word !== undefined).join(", ");
  return {
    version: gguf!.version,
    files: gguf!.files,
    name: text("general.name"),
    ...(tokenizer !== "" && { tokenizer }),
    types: [...counts].map(([type, count]) => ({ type, elements: count })),
  };
}

function describeHead(
  head: Head,
  context: number | undefined,
  kvCache: KvCacheDType,
): Description {
  const { dir, config: { kind: family, model, draftVocabSize } } = head;
  // It is checked against itself: the model that it drafts for is not known here.
  const summary = checkHead(head, { dir, config: model });
  const { weightBytes, layers, needs, rowBytes, recentBytes, vocabulary, unused } = summary;
  const embedding = head.tensors.find("embed_tokens.weight");
  const tableBytes = model.vocabSize * model.hiddenSize * 2;
  const planned = context ?? Math.min(4096, model.maxPositions);
  if (planned > model.maxPositions) {
    throw new ArgumentError(
      "context",
      `Cannot plan a context of ${planned}: expected 2 to ${model.maxPositions}, the most that ` +
        `${dir} was made for`,
    );
  }
  return {
    dir,
    kind: "head",
    family,
    draftVocabSize,
    recentTokens: recentTokensOf(head.config) || undefined,
    config: model,
    parameters: headParameters(head),
    scheme: schemesOf(layers),
    format: head.quantization?.method,
    schemes: groupSchemes(layers),
    dtype: "of its model",
    specialTokens: {},
    chatTemplate: false,
    ...storage(head.tensors),
    memory: planMemory(
      [{ role: "head", config: model, weightBytes, needs, rowBytes, textBytes: recentBytes }],
      planned,
      undefined,
      { kvCache },
    ),
    // Its own embedding is read by the row; the output projection, which may be that of its model, as a whole.
    forwardBytes: weightBytes - (embedding === undefined ? 0 : tableBytes) +
      (vocabulary === undefined ? tableBytes : 0),
    unused: unusedOf(head, unused),
  };
}

function storage(source: TensorSource): { tensors: TensorInfo[]; bytes: number } {
  const tensors = source.names().map((name) => source.info(name));
  return { tensors, bytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0) };
}

function specialTokens({ dir, config }: Checkpoint): Record<string, SpecialToken[]> {
  // A model can be looked at without its tokenizer.
  const vocabulary = tokenizerFile(dir) === undefined ? undefined : new Vocabulary(dir);
  const { bosTokenId, eosTokenIds, padTokenId } = config;
  const roles = { bos: [bosTokenId], eos: eosTokenIds, pad: [padTokenId] };
  const entries = Object.entries(roles).map(([role, ids]): [string, SpecialToken[]] => [
    role,
    ids.filter((id) => id !== undefined).map((id) => ({ id, text: vocabulary?.token(id) })),
  ]);
  return Object.fromEntries(entries.filter(([, tokens]) => tokens.length > 0));
}

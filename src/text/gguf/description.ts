/**
 * The `tokenizer.json` that a GGUF file's metadata amounts to. See `docs/adr/0022-tokenizers-of-gguf-files.md`.
 *
 * @module
 */
import { CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import type { Metadata } from "../../gguf/mod.ts";
import type { JsonObject } from "../files/files.ts";
import { listedMerges, scoredMerges } from "./merges.ts";
import { cuttingNamed } from "./pre_tokenizers.ts";
import { aroundText, roleIds } from "./roles.ts";
import { type GgufTokens, ggufTokens, isAdded, MERGES, TOKEN_TYPE } from "./tokens.ts";

/** What text is made of in a GGUF file, as the files of a model directory would have it. */
export interface GgufText {
  /** What `tokenizer.json` would hold. */
  readonly description: JsonObject;
  /** What `tokenizer_config.json` would hold. */
  readonly config: JsonObject;
}

/** A tokenizer without its tokens. */
interface Shape {
  readonly parts: JsonObject;
  readonly model: JsonObject;
  readonly merges: readonly (readonly [string, string])[];
  readonly addBos: boolean;
}

const MODEL = "tokenizer.ggml.model";

/** Whether a file has a tokenizer at all: converters may leave it out. */
export function hasGgufTokenizer(metadata: Metadata): boolean {
  const model = metadata.string(MODEL);
  return model !== undefined && model !== "none" && model !== "no_vocab";
}

/**
 * The tokenizer of a GGUF file.
 *
 * @throws {CheckpointError} there is none, or it is malformed; the key is named
 * @throws {UnsupportedModelError} it is of a kind, or cuts words in a way, that is not known here
 */
export function ggufText(metadata: Metadata): GgufText {
  if (!hasGgufTokenizer(metadata)) {
    throw new CheckpointError(
      metadata.file,
      `it has no tokenizer: its key "${MODEL}" is ${metadata.string(MODEL) ?? "missing"}`,
    );
  }
  const shape = shapeOf(metadata);
  const vocabulary = ggufTokens(metadata);
  const { parts, model, merges, addBos } = shape(vocabulary);
  const roles = roleIds(metadata, vocabulary);
  const { tokens } = vocabulary;
  const unknown = roles.get("unk_token");
  return {
    description: {
      version: "1.0",
      added_tokens: addedTokens(vocabulary),
      ...parts,
      post_processor: aroundText(metadata, vocabulary, roles, addBos),
      model: {
        type: "BPE",
        ...model,
        ...("byte_fallback" in model && unknown !== undefined && { unk_token: tokens[unknown] }),
        vocab: vocabObject(vocabulary),
        merges,
      },
    },
    config: Object.fromEntries([...roles].map(([role, id]) => [role, tokens[id]])),
  };
}

/** How a file's tokenizer is made, once its tokens are known. */
function shapeOf(metadata: Metadata): (vocabulary: GgufTokens) => Shape {
  const model = metadata.string(MODEL);
  if (model === "gpt2") return (vocabulary) => byteLevel(metadata, vocabulary);
  if (model === "llama") return (vocabulary) => sentencePiece(metadata, vocabulary);
  throw new UnsupportedModelError(
    `a tokenizer of the kind ${JSON.stringify(model)} (${metadata.file})`,
    `expected ${MODEL} to be "gpt2" or "llama"`,
  );
}

function byteLevel(metadata: Metadata, vocabulary: GgufTokens): Shape {
  const { normalizer, preTokenizer, ignoreMerges, addBos } = cuttingNamed(
    metadata.file,
    metadata.string("tokenizer.ggml.pre"),
  );
  const merges = listedMerges(metadata, vocabulary) ?? metadata.fail(MERGES, "a list of strings");
  // Where the signs of bytes are a part among others, what comes before a text is not asked for.
  const alone = preTokenizer.type === "ByteLevel";
  const prefix = metadata.boolean("tokenizer.ggml.add_space_prefix", false);
  return {
    parts: {
      normalizer,
      pre_tokenizer: alone ? { ...preTokenizer, add_prefix_space: prefix } : preTokenizer,
      decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    },
    model: { ignore_merges: ignoreMerges },
    merges,
    addBos,
  };
}

/** Mistral's own tokenizers since the second have these tokens of their own; before, they were text. */
const INSTRUCTION = "[INST]";

function sentencePiece(metadata: Metadata, vocabulary: GgufTokens): Shape {
  const prefix = metadata.boolean("tokenizer.ggml.add_space_prefix", true);
  const { types, ids } = vocabulary;
  // Those put a space before a text that does not begin with one; others before any, and behind special tokens too.
  const once = types[ids.get(INSTRUCTION) ?? -1] === TOKEN_TYPE.control;
  const spaces = { type: "Replace", pattern: { String: " " }, content: "▁" };
  const decoders: JsonObject[] = [
    { type: "Replace", pattern: { String: "▁" }, content: " " },
    { type: "ByteFallback" },
    { type: "Fuse" },
  ];
  if (prefix) decoders.push({ type: "Strip", content: " ", start: 1, stop: 0 });
  const normalizers = prefix ? [{ type: "Prepend", prepend: "▁" }, spaces] : [spaces];
  return {
    parts: {
      normalizer: prefix && once ? null : { type: "Sequence", normalizers },
      pre_tokenizer: prefix && once
        ? { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: false }
        : null,
      decoder: { type: "Sequence", decoders },
    },
    model: { byte_fallback: true, fuse_unk: true },
    merges: listedMerges(metadata, vocabulary) ?? scoredMerges(metadata, vocabulary),
    addBos: true,
  };
}

/** Tokens that are looked for in a text before it is cut. How they strip spaces is not in the file. */
function addedTokens({ tokens, types }: GgufTokens): JsonObject[] {
  return tokens.flatMap((content, id) => {
    const type = types[id];
    if (!isAdded(type)) return [];
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return [{ id, content, ...flags, special: type !== TOKEN_TYPE.userDefined }];
  });
}

/** Ids by token; an object without a prototype, as a token may be called anything. */
function vocabObject({ ids }: GgufTokens): JsonObject {
  const vocab: Record<string, unknown> = Object.create(null);
  for (const [token, id] of ids) vocab[token] = id;
  return vocab;
}

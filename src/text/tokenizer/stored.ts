/**
 * Where a model keeps its tokenizer: in files of its directory, or in the metadata of a GGUF file.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import type { AddedToken, NumberedToken } from "../files/added_token.ts";
import { inDirectory, isFile, type JsonObject, readJsonObject } from "../files/files.ts";
import { TokenFiles } from "../files/token_files.ts";
import { ggufText, hasGgufTokenizer } from "../gguf/description.ts";
import { ggufMetadata } from "../gguf/open.ts";
import { ggufTokens, isAdded } from "../gguf/tokens.ts";

/** Files that came before `tokenizer.json`: how they are read is in the code of each family of models. */
const OLDER_FILES = ["tokenizer.model", "tekken.json", "tiktoken.model", "vocab.json"];

/** A tokenizer as it is stored. */
export interface StoredTokenizer {
  /** The file that holds it: `tokenizer.json`, or the GGUF file. */
  readonly file: string;
  /** What `tokenizer.json` holds, or would. */
  readonly json: JsonObject;
  /** `tokenizer_config.json`, with `special_tokens_map.json` where that counts, or what a GGUF file has instead. */
  readonly config: JsonObject;
  /** The tokens to add to those of `json`, which are `known`. */
  added(known: readonly NumberedToken[]): AddedToken[];
}

/**
 * The tokenizer of a model directory or a GGUF file.
 *
 * @throws {CheckpointError} there is none, or a file is malformed
 * @throws {UnsupportedModelError} a GGUF file's tokenizer is of a kind that is not read
 */
export function storedTokenizer(path: string): StoredTokenizer {
  const metadata = ggufMetadata(path);
  if (metadata !== undefined) {
    const { description, config } = ggufText(metadata);
    const { file } = metadata;
    const files = TokenFiles.of(file, config);
    return { file, json: description, config, added: (known) => files.added(known) };
  }
  const file = inDirectory(path, "tokenizer.json");
  const json = readJsonObject(file) ?? missing(path, file);
  const files = TokenFiles.read(path);
  return { file, json, config: files.config, added: (known) => files.added(known) };
}

/**
 * The tokens of a GGUF file's tokenizer by id, and the ids of those that are looked for in a text before it is cut.
 *
 * @throws {CheckpointError} they are missing or malformed
 */
export function ggufTokensOf(
  path: string,
): { tokens: ReadonlyMap<number, string>; added: ReadonlySet<number> } {
  const { ids, types } = ggufTokens(ggufMetadata(path)!);
  const entries = [...ids].map(([token, id]) => [id, token] as const);
  return {
    tokens: new Map(entries),
    added: new Set(entries.map(([id]) => id).filter((id) => isAdded(types[id]))),
  };
}

/** The file that holds the tokenizer of a model directory or a GGUF file; `undefined` where there is none. */
export function tokenizerFile(path: string): string | undefined {
  const metadata = ggufMetadata(path);
  if (metadata !== undefined) return hasGgufTokenizer(metadata) ? metadata.file : undefined;
  const file = inDirectory(path, "tokenizer.json");
  return isFile(file) ? file : undefined;
}

function missing(dir: string, file: string): never {
  const older = OLDER_FILES.find((name) => {
    try {
      return isFile(inDirectory(dir, name));
    } catch {
      return false;
    }
  });
  throw new CheckpointError(
    file,
    "there is no such file, expected the tokenizer in Hugging Face's tokenizer.json format" +
      (older === undefined ? "" : `; ${older} alone says too little, and Python's transformers ` +
        "writes the file: AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"),
  );
}

/**
 * The vocabulary in the metadata of a GGUF file.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import type { Metadata } from "../../gguf/mod.ts";

/** What a token is, as `tokenizer.ggml.token_type` numbers it. */
export const TOKEN_TYPE = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

const TYPES: ReadonlySet<number> = new Set(Object.values(TOKEN_TYPE));

/** A token that stands for a byte. */
const BYTE = /^<0x[0-9A-Fa-f]{2}>$/;

/** The keys. */
export const [TOKENS, TYPE, SCORES, MERGES] = [
  "tokenizer.ggml.tokens",
  "tokenizer.ggml.token_type",
  "tokenizer.ggml.scores",
  "tokenizer.ggml.merges",
];

/** A vocabulary. */
export interface GgufTokens {
  /** The tokens by id. */
  readonly tokens: readonly string[];
  /** What each of them is, see {@linkcode TOKEN_TYPE}. */
  readonly types: readonly number[];
  /**
   * The ids by token. Those are missing that only fill a model's embedding up, which converters call `[PAD` and their
   * id, and those without a text.
   */
  readonly ids: ReadonlyMap<string, number>;
}

/**
 * Reads the vocabulary.
 *
 * @throws {CheckpointError} it is missing or malformed; the key is named
 */
export function ggufTokens(metadata: Metadata): GgufTokens {
  const tokens = metadata.strings(TOKENS);
  if (tokens === undefined || tokens.length === 0) {
    return metadata.fail(TOKENS, "a list of strings");
  }
  const types = metadata.numbers(TYPE) ?? tokens.map(() => TOKEN_TYPE.normal);
  checkLength(metadata, TYPE, types, tokens);
  const ids = new Map<string, number>();
  tokens.forEach((token, id) => {
    const type = types[id];
    if (!TYPES.has(type)) wrong(metadata, TYPE, id, type, "1 to 6");
    if (type === TOKEN_TYPE.byte && !BYTE.test(token)) {
      wrong(metadata, TOKENS, id, JSON.stringify(token), "<0x00> to <0xFF>, as it is a byte");
    }
    if (token === "" || (type === TOKEN_TYPE.unused && token === `[PAD${id}]`)) return;
    const before = ids.get(token);
    if (before !== undefined) {
      wrong(metadata, TOKENS, id, JSON.stringify(token), `another one than token ${before}`);
    }
    ids.set(token, id);
  });
  return { tokens, types, ids };
}

/** Whether tokens of a type are looked for in a text before it is cut. */
export function isAdded(type: number): boolean {
  const { unknown, control, userDefined } = TOKEN_TYPE;
  return type === unknown || type === control || type === userDefined;
}

/** Throws where a list beside the tokens has another length. */
export function checkLength(
  metadata: Metadata,
  key: string,
  list: { readonly length: number },
  tokens: readonly string[],
): void {
  if (list.length === tokens.length) return;
  throw new CheckpointError(
    metadata.file,
    `key "${key}" has ${list.length} entries, expected ${tokens.length}, as many as tokens`,
  );
}

/** Throws the error of an entry of a list. */
export function wrong(
  { file }: Metadata,
  key: string,
  at: number,
  found: string | number,
  expected: string,
): never {
  throw new CheckpointError(file, `key "${key}" has ${found} in place ${at}, expected ${expected}`);
}

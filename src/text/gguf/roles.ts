/**
 * The special tokens that the metadata of a GGUF file names.
 *
 * @module
 */
import type { Metadata } from "../../gguf/mod.ts";
import type { JsonObject } from "../files/files.ts";
import type { SPECIAL_ROLES } from "../files/special_tokens.ts";
import { type GgufTokens, ggufTokens, TOKENS } from "./tokens.ts";

/** A role that a token has in a tokenizer's configuration. */
type Role = (typeof SPECIAL_ROLES)[number];

/** The keys of roles. */
const KEYS: Readonly<Record<Role, string>> = {
  bos_token: "tokenizer.ggml.bos_token_id",
  eos_token: "tokenizer.ggml.eos_token_id",
  unk_token: "tokenizer.ggml.unknown_token_id",
  pad_token: "tokenizer.ggml.padding_token_id",
};

/** SentencePiece's own, for files that leave them out. */
const SENTENCEPIECE: Readonly<Partial<Record<Role, number>>> = {
  unk_token: 0,
  bos_token: 1,
  eos_token: 2,
};

/**
 * The ids of the tokens with a role.
 *
 * @throws {CheckpointError} one is no token; its key is named
 */
export function roleIds(metadata: Metadata, { tokens }: GgufTokens): ReadonlyMap<Role, number> {
  const defaults = metadata.string("tokenizer.ggml.model") === "llama" ? SENTENCEPIECE : {};
  const ids = new Map<Role, number>();
  for (const [role, key] of Object.entries(KEYS) as [Role, string][]) {
    const id = metadata.has(key) ? metadata.tokenId(key) : defaults[role];
    if (id === undefined) continue;
    if (id >= tokens.length) {
      metadata.fail(key, `less than ${tokens.length}, the length of "${TOKENS}"`);
    }
    ids.set(role, id);
  }
  return ids;
}

/**
 * The tokens with a role, as `tokenizer_config.json` would have them; none where there is no tokenizer.
 *
 * @throws {CheckpointError} the vocabulary is malformed, or a role is that of no token; the key is named
 */
export function ggufRoles(metadata: Metadata): JsonObject {
  if (!metadata.has(TOKENS)) return {};
  const vocabulary = ggufTokens(metadata);
  const roles = roleIds(metadata, vocabulary);
  return Object.fromEntries([...roles].map(([role, id]) => [role, vocabulary.tokens[id]]));
}

/** What goes around a text, as the `post_processor` of a `tokenizer.json`; BOS where nothing is said and `addBos`. */
export function aroundText(
  metadata: Metadata,
  { tokens }: GgufTokens,
  roles: ReadonlyMap<Role, number>,
  addBos: boolean,
): unknown {
  const added = (role: Role, key: string, fallback: boolean) => {
    if (!metadata.boolean(key, fallback)) return [];
    const id = roles.get(role);
    if (id === undefined) {
      return metadata.fail(KEYS[role], `the id of the token that "${key}" adds to a text`);
    }
    return [{ token: tokens[id], id }];
  };
  const before = added("bos_token", "tokenizer.ggml.add_bos_token", addBos);
  const after = added("eos_token", "tokenizer.ggml.add_eos_token", false);
  const special = ({ token }: { token: string }) => ({ SpecialToken: { id: token, type_id: 0 } });
  return {
    type: "TemplateProcessing",
    single: [...before.map(special), { Sequence: { id: "A", type_id: 0 } }, ...after.map(special)],
    pair: [],
    special_tokens: Object.fromEntries(
      [...before, ...after].map((
        { token, id },
      ) => [token, { id: token, ids: [id], tokens: [token] }]),
    ),
  };
}

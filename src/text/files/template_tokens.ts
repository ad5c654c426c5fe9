/**
 * The special tokens that chat templates write: `bos_token`, `eos_token` and what else a model names.
 *
 * @module
 */

import { inDirectory, type JsonObject, readJsonObject } from "./files.ts";
import { tokenText } from "./special_tokens.ts";

/**
 * Special tokens by the names that templates have for them. As in transformers these are all keys of the
 * tokenizer's configuration that end in `_token`, and named extra ones; older models have them in
 * `special_tokens_map.json`.
 *
 * @throws {CheckpointError} a file is malformed
 */
export function templateTokens(dir: string, config: JsonObject): ReadonlyMap<string, string> {
  const legacy = config.added_tokens_decoder === undefined
    ? readJsonObject(inDirectory(dir, "special_tokens_map.json"))
    : undefined;
  return namedTokens({ ...config, ...legacy });
}

/** Special tokens of a configuration that has all of them. */
export function namedTokens(config: JsonObject): ReadonlyMap<string, string> {
  const tokens = new Map<string, string>();
  for (const [name, value] of Object.entries(config)) {
    const text = name.endsWith("_token") ? tokenText(value) : undefined;
    if (text !== undefined) tokens.set(name, text);
  }
  const { extra_special_tokens: extra } = config;
  if (typeof extra === "object" && extra !== null && !Array.isArray(extra)) {
    for (const [name, value] of Object.entries(extra)) {
      const text = tokenText(value);
      if (text !== undefined) tokens.set(name, text);
    }
  }
  return tokens;
}

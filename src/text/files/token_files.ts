/**
 * The files beside `tokenizer.json` that name tokens, read as `transformers` 5 reads them.
 *
 * @module
 */

import { CheckpointError } from "../../base/errors.ts";
import { type AddedToken, completeToken, type NumberedToken } from "./added_token.ts";
import { inDirectory, type JsonObject, readJsonObject } from "./files.ts";
import { tokenText } from "./special_tokens.ts";

/** What is known of a token: its text, and perhaps how it is found. */
type Token = Partial<AddedToken> & Pick<AddedToken, "content">;

/** Roles that any tokenizer may have, in the order in which their tokens are added. */
const ROLES = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"].map((role) => `${role}_token`);

/** What the files of a model directory say about tokens. */
export class TokenFiles {
  /** `tokenizer_config.json`, with `special_tokens_map.json` where that counts. */
  readonly config: JsonObject;
  readonly #file: string;
  /** The tokens of `added_tokens_decoder`, or else of `added_tokens.json`, by number. */
  readonly #numbered: ReadonlyMap<number, Token>;
  readonly #older: boolean;

  private constructor(
    file: string,
    config: JsonObject,
    numbered: ReadonlyMap<number, Token>,
    older: boolean,
  ) {
    this.#file = file;
    this.config = config;
    this.#numbered = numbered;
    this.#older = older;
  }

  /**
   * Reads the files of the model directory `dir`. The older `special_tokens_map.json` and `added_tokens.json` count
   * where the configuration has no `added_tokens_decoder`, and then come before it.
   *
   * @throws {CheckpointError} a file is malformed
   */
  static read(dir: string): TokenFiles {
    const file = inDirectory(dir, "tokenizer_config.json");
    const own = renamed(readJsonObject(file) ?? {});
    if ("added_tokens_decoder" in own) {
      return new TokenFiles(file, own, decoder(file, own.added_tokens_decoder), false);
    }
    const map = readJsonObject(inDirectory(dir, "special_tokens_map.json")) ?? {};
    const config = merged(own, map);
    const numbered = listed(inDirectory(dir, "added_tokens.json"), config);
    return new TokenFiles(file, config, numbered, true);
  }

  /** What a configuration without other files beside it says; `file` is where it is from. */
  static of(file: string, config: JsonObject): TokenFiles {
    return new TokenFiles(file, config, new Map(), true);
  }

  /**
   * The tokens to add to a tokenizer whose file has the added tokens `known`, in order: those with a number, then
   * special ones that are not there yet. Whatever has a role is special.
   *
   * @throws {CheckpointError} a token is malformed
   */
  added(known: readonly NumberedToken[]): AddedToken[] {
    const special = [...withRole(this.config), ...ownRole(this.config)];
    const names = new Set(special.map(({ content }) => content));
    const numbered = new Map(this.#numbered);
    if (this.#older) { for (const token of known) numbered.set(token.id, token); }
    const tokens = [...numbered].sort(([a], [b]) => a - b)
      .map(([_, token]) => names.has(token.content) ? { ...token, special: true } : token);
    const there = new Set([...known, ...tokens].map(({ content }) => content));
    for (const token of [...special, ...withoutRole(this.config)]) {
      if (there.has(token.content)) continue;
      there.add(token.content);
      tokens.push(token);
    }
    return tokens.map((token) => completeToken(this.#file, token));
  }
}

/** The list of special tokens without a role has an older name, which counts where the new one says nothing. */
function renamed(config: JsonObject): JsonObject {
  const { additional_special_tokens, ...rest } = config;
  const { extra_special_tokens } = rest;
  const empty = extra_special_tokens === undefined || extra_special_tokens === null ||
    Object.keys(extra_special_tokens).length === 0;
  if (additional_special_tokens === undefined || !empty) return config;
  return { ...rest, extra_special_tokens: additional_special_tokens };
}

/** The configuration with what `special_tokens_map.json` says; lists of the same name are joined. */
function merged(config: JsonObject, map: JsonObject): JsonObject {
  const out: Record<string, unknown> = { ...config };
  for (const [key, value] of Object.entries(map)) {
    const before = config[key];
    out[key] = key === "extra_special_tokens" && Array.isArray(value)
      ? [...Array.isArray(before) ? before : [], ...value]
      : value;
  }
  return out;
}

/** Tokens with a role that any tokenizer may have. */
function withRole(config: JsonObject): Token[] {
  return special(ROLES.map((role) => config[role]));
}

/** Tokens with a role that only this model has. */
function ownRole(config: JsonObject): Token[] {
  const keys = Object.keys(config).filter((key) => key.endsWith("_token") && !ROLES.includes(key));
  const { extra_special_tokens: more } = config;
  const named = typeof more === "object" && more !== null && !Array.isArray(more) ? more : {};
  return special([...keys.map((key) => config[key]), ...Object.values(named)]);
}

/** Special tokens without a role. */
function withoutRole(config: JsonObject): Token[] {
  const list = "extra_special_tokens" in config
    ? config.extra_special_tokens
    : config.additional_special_tokens;
  return Array.isArray(list) ? special(list) : [];
}

/** Tokens that are stored as text or as an object. */
function special(values: readonly unknown[]): Token[] {
  return values.flatMap((value) => {
    const content = tokenText(value);
    if (content === undefined) return [];
    return { ...typeof value === "string" ? {} : value as Token, content, special: true };
  });
}

/** The tokens of `added_tokens_decoder`: objects by number. */
function decoder(file: string, value: unknown): Map<number, Token> {
  const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return new Map(entries.map(([id, token]) => {
    const content = typeof token === "string" ? undefined : tokenText(token);
    if (content === undefined || !/^\d+$/.test(id)) {
      throw new CheckpointError(
        file,
        `its added_tokens_decoder has ${JSON.stringify(token)} for ${JSON.stringify(id)}, ` +
          "expected a number and an object with content",
      );
    }
    return [Number(id), { ...token, content }];
  }));
}

/** The tokens of `added_tokens.json`: numbers by text. Those that the configuration lists are special. */
function listed(file: string, config: JsonObject): Map<number, Token> {
  const more = config.extra_special_tokens;
  const names = new Set(
    [...withRole(config), ...Array.isArray(more) ? special(more) : []].map((token) =>
      token.content
    ),
  );
  return new Map(
    Object.entries(readJsonObject(file) ?? {}).map(([content, id]) => {
      if (!Number.isInteger(id)) {
        throw new CheckpointError(
          file,
          `it gives ${JSON.stringify(content)} the id ${id}, expected a whole number`,
        );
      }
      const special = names.has(content);
      return [id as number, { content, special, normalized: !special }];
    }),
  );
}

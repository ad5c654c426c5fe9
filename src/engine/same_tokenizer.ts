/**
 * Whether a draft model has the tokenizer of its target: what it proposes are numbers of tokens.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import { isObject, parseJson } from "../checkpoint/containers/json.ts";
import { openReader, readAt } from "../base/reader.ts";
import { isGguf } from "../gguf/mod.ts";
import { checkVocabulary, type HasVocabulary } from "../model/mod.ts";
import { ggufTokensOf, tokenizerFile } from "../text/tokenizer/stored.ts";

/**
 * Refuses a draft model whose tokens are not those of its target. Their vocabularies may be padded differently, and
 * may call special tokens differently, as versions of a family do: what the draft model does not know it never
 * proposes, and reads as an embedding of zeros. Where one of them has no tokenizer, their lengths must do.
 */
export function checkSameTokenizer(target: HasVocabulary, draft: HasVocabulary): void {
  const [expected, found] = [target, draft].map(({ dir }) => tokenizerFile(dir));
  if (expected === undefined || found === undefined) return checkVocabulary(target, draft);
  if (expected === found) return;
  const files = [expected, found].map(readTokenizer);
  if (sameBytes(files[0].bytes, files[1].bytes)) return;
  const [ours, theirs] = files.map(tokensOf);
  const specials = new Set([...ours.special, ...theirs.special]);
  for (const [id, token] of theirs.byId) {
    const wanted = ours.byId.get(id);
    if (wanted === undefined || wanted === token || specials.has(id)) continue;
    throw new CheckpointError(
      found,
      `token ${id} is ${JSON.stringify(token)}, expected ${
        JSON.stringify(wanted)
      } as in ${expected}: ` +
        "a draft model needs the tokenizer of its target",
    );
  }
}

/** The tokens of a tokenizer. */
interface Tokens {
  /** Tokens by their numbers. */
  readonly byId: ReadonlyMap<number, string>;
  /** Numbers of those that were added to the vocabulary, most of which are special. */
  readonly special: ReadonlySet<number>;
}

/** A file with a tokenizer: `tokenizer.json` as it is, or a GGUF file, whose weights are not read. */
interface TokenizerFile {
  readonly file: string;
  readonly bytes?: Uint8Array;
}

function readTokenizer(file: string): TokenizerFile {
  if (isGguf(file)) return { file };
  using reader = openReader(file);
  return { file, bytes: readAt(reader, 0, reader.size) };
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && a.length === b?.length && a.every((byte, i) => byte === b[i]);
}

function tokensOf({ file, bytes }: TokenizerFile): Tokens {
  if (bytes === undefined) {
    const { tokens, added } = ggufTokensOf(file);
    return { byId: tokens, special: added };
  }
  const json = parseJson(file, bytes, "the file");
  const model = isObject(json) && isObject(json.model) ? json.model : {};
  const added = isObject(json) && Array.isArray(json.added_tokens) ? json.added_tokens : [];
  const { vocab } = model;
  const byId = new Map<number, string>();
  // Unigram has a list of tokens and scores, all others an object of numbers.
  if (Array.isArray(vocab)) vocab.forEach((entry, id) => byId.set(id, `${entry?.[0]}`));
  else if (isObject(vocab)) {
    for (const [token, id] of Object.entries(vocab)) byId.set(Number(id), token);
  } else throw new CheckpointError(file, `key "model.vocab" is no vocabulary`);
  return { byId, special: new Set(added.filter(isObject).map(({ id }) => Number(id))) };
}

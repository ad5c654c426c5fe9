/**
 * The vocabulary of a head that has fewer tokens than its verifier.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";
import { DRAFT_TENSORS } from "./config/draft_vocabulary.ts";
import { type HeadConfig, recentTokensOf } from "./config/head_config.ts";
import { expectTensor } from "./formats/expect.ts";
import type { TensorSource } from "./containers/source.ts";

/**
 * The token of each entry of a head's logits, [its draft vocabulary]; undefined where they are the verifier's tokens by
 * their ids. Checks the maps of both directions; throws `CheckpointError`.
 */
export function headTokens(
  tensors: TensorSource,
  { model, draftVocabSize }: HeadConfig,
): Int32Array<ArrayBuffer> | undefined {
  const { toTokens, hasToken } = DRAFT_TENSORS;
  if (tensors.find(toTokens) === undefined) return undefined;
  const { file } = expectTensor(tensors, toTokens, ["i64"], [draftVocabSize]);
  const offsets = new BigInt64Array(tensors.read(toTokens).buffer);
  const taken = new Uint8Array(model.vocabSize);
  const tokens = Int32Array.from(offsets, (offset, id) => {
    const token = id + Number(offset);
    if (taken[token] !== 0) {
      const reason = `its entry ${id} is ${offset}, which makes it token ${token}, ` +
        `expected one of ${model.vocabSize}, each once`;
      throw new CheckpointError(file, reason, toTokens);
    }
    taken[token] = 1;
    return token;
  });
  if (tensors.find(hasToken)) checkTaken(tensors, taken);
  return tokens;
}

/** The vocabulary of a head with recent tokens. */
export interface RecentVocabulary {
  /** The token of each entry that its file has. */
  readonly own: Int32Array<ArrayBuffer>;
  /** The token of each further entry while nothing has been read: the lowest that there are. Never empty, they cost nothing. */
  readonly first: Int32Array<ArrayBuffer>;
  /** Tokens below this are known to the head and to its verifier. */
  readonly known: number;
}

/**
 * The vocabulary of a head on a verifier of `vocabSize` tokens; undefined where it has no recent tokens. Throws
 * `CheckpointError`.
 */
export function recentVocabulary(
  dir: string,
  tensors: TensorSource,
  config: HeadConfig,
  vocabSize: number,
): RecentVocabulary | undefined {
  const count = recentTokensOf(config);
  const own = count > 0 ? headTokens(tensors, config) : undefined;
  if (own === undefined) return undefined;
  const known = Math.min(config.model.vocabSize, vocabSize);
  const taken = new Set(own);
  const others = Array.from({ length: known }, (_, token) => token)
    .filter((token) => !taken.has(token));
  if (count <= others.length) return { own, first: Int32Array.from(others.slice(0, count)), known };
  throw new CheckpointError(
    dir,
    `it has ${count} recent tokens, expected at most ${others.length}, as many as it does not draft`,
  );
}

function checkTaken(tensors: TensorSource, taken: Uint8Array): void {
  const { toTokens, hasToken } = DRAFT_TENSORS;
  const { file } = expectTensor(tensors, hasToken, ["bool", "u8"], [taken.length]);
  const given = tensors.read(hasToken);
  const token = taken.findIndex((value, i) => value !== given[i]);
  if (token < 0) return;
  const reason = `its entry ${token} is ${given[token]}, expected ${
    taken[token]
  } as ${toTokens} has it`;
  throw new CheckpointError(file, reason, hasToken);
}

/**
 * The order in which tokens of a GGUF file are joined: it has a list of pairs, or scores that imply one.
 *
 * @module
 */
import type { Metadata } from "../../gguf/mod.ts";
import { checkLength, type GgufTokens, MERGES, SCORES, TOKEN_TYPE, wrong } from "./tokens.ts";

/** Two tokens, and those before it are joined first. */
type Merge = readonly [left: string, right: string];

/**
 * The merges in the file; `undefined` where it has none.
 *
 * @throws {CheckpointError} one is no pair of tokens that make a token
 */
export function listedMerges(metadata: Metadata, { ids }: GgufTokens): Merge[] | undefined {
  return metadata.strings(MERGES)?.map((text, i) => {
    const [left, right, ...more] = text.split(" ");
    const shown = JSON.stringify(text);
    if (!left || !right || more.length > 0) {
      return wrong(metadata, MERGES, i, shown, "two tokens with a space between");
    }
    for (const token of [left, right, left + right]) {
      if (ids.has(token)) continue;
      wrong(metadata, MERGES, i, shown, `tokens, and there is no ${JSON.stringify(token)}`);
    }
    return [left, right] as const;
  });
}

/** A merge with what its place in the order depends on: the score of what it makes, and the length of its sides. */
interface Scored {
  readonly merge: Merge;
  readonly score: number;
  readonly leftLength: number;
  readonly rightLength: number;
  readonly leftId: number;
}

/**
 * The merges that scores imply, in the order in which `transformers` has them when it converts SentencePiece's models: a
 * token with a higher score is made first, and of the ways to make it those with a longer left side. Where all
 * scores are the same, as a converter writes them that has no scores, tokens are made in the order of their ids,
 * which is the order in which SentencePiece learns them.
 *
 * @throws {CheckpointError} the scores are missing or malformed
 */
export function scoredMerges(metadata: Metadata, { tokens, types, ids }: GgufTokens): Merge[] {
  const scores = metadata.numbers(SCORES);
  if (scores === undefined) {
    return metadata.fail(SCORES, `a list of numbers, as there is no "${MERGES}"`);
  }
  checkLength(metadata, SCORES, scores, tokens);
  const at = scores.findIndex(Number.isNaN);
  if (at !== -1) wrong(metadata, SCORES, at, NaN, "a number");
  const normal = scores.filter((_, id) => types[id] === TOKEN_TYPE.normal);
  const scored = normal.some((score) => score !== normal[0]);
  const merges: Scored[] = [];
  for (const [token, id] of ids) {
    const characters = [...token];
    const ways: Scored[] = [];
    let left = "";
    for (let length = 1; length < characters.length; length++) {
      left += characters[length - 1];
      const leftId = ids.get(left);
      if (leftId === undefined) continue;
      const right = token.slice(left.length);
      if (!ids.has(right)) continue;
      ways.push({
        merge: [left, right],
        score: scored ? scores[id] : -id,
        leftLength: length,
        rightLength: characters.length - length,
        leftId,
      });
    }
    merges.push(...ways.sort((a, b) => a.leftId - b.leftId));
  }
  return merges.sort((a, b) =>
    b.score - a.score || b.leftLength - a.leftLength || b.rightLength - a.rightLength
  ).map(({ merge }) => merge);
}

/**
 * Vocabularies of models that work on one text.
 *
 * @module
 */
import { CheckpointError } from "../base/errors.ts";

/**
 * Most rows by which vocabularies of one tokenizer differ: publishers pad them to multiples of 64 to 512. (Qwen2.5 has
 * 151,936 and 152,064 rows for 151,665 tokens.)
 */
const MAX_PADDING = 512;

/** A model or a head, as far as its vocabulary goes. */
export interface HasVocabulary {
  /** Its directory. */
  readonly dir: string;
  /** Its configuration. */
  readonly config: {
    /** Rows of its embedding. */
    readonly vocabSize: number;
  };
}

/**
 * Refuses what drafts for `above` where its vocabulary is another one by its length. Padding does not matter: no text
 * has those tokens, and one that `below` does not know has an embedding of zeros there.
 */
export function checkVocabulary(above: HasVocabulary, below: HasVocabulary): void {
  const [expected, found] = [above, below].map(({ config }) => config.vocabSize);
  if (Math.abs(expected - found) <= MAX_PADDING) return;
  throw new CheckpointError(
    below.dir,
    `its vocabulary has ${found} entries, expected ${expected} as in ${above.dir}, give or take ` +
      `${MAX_PADDING} of padding`,
  );
}

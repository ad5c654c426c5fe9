/**
 * Embeddings and output projections that heads bring along, though those of their verifier are used.
 *
 * @module
 */
import { UnsupportedModelError } from "../base/errors.ts";
import { isFloatDType } from "../base/half.ts";
import { openCheckpoint } from "../checkpoint/checkpoint.ts";
import type { Head } from "../checkpoint/head.ts";
import { EMBEDDING, OUTPUT } from "../checkpoint/names.ts";
import { sameRows } from "../checkpoint/same_rows.ts";

/** A head's embedding. */
const OWN_EMBEDDING = "embed_tokens.weight";

/**
 * Refuses a head with another output projection than that of the model in `dir`, and a block drafter with another embedding.
 * What the model has quantized cannot be compared; the model's is used then, too.
 */
export function checkCopies(head: Head, dir: string): void {
  const { config, tensors } = head;
  if (config.kind === "eagle3") return;
  const ofBlock = config.kind !== "eagle2";
  const copies = [...(config.ownOutput ? [] : [OUTPUT]), ...(ofBlock ? [OWN_EMBEDDING] : [])]
    .filter((name) => tensors.find(name) !== undefined);
  if (copies.length === 0) return;
  using model = openCheckpoint(dir);
  const source = model.tensors;
  for (const copy of copies) {
    const name = copy === OUTPUT && !model.config.tiedEmbeddings ? OUTPUT : EMBEDDING;
    const stored = source.find(name);
    if (stored === undefined || !isFloatDType(stored.dtype)) continue;
    if (sameRows({ source, name }, { source: head.tensors, name: copy })) continue;
    const what = copy === OUTPUT ? "output projection" : "embedding";
    throw new UnsupportedModelError(
      `${ofBlock ? "a block drafter" : "an EAGLE-2 head"} with an ${what} of its own`,
      `${copy} of ${head.dir} is not that of ${dir}, expected the same or none`,
    );
  }
}

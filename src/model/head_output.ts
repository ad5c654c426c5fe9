/**
 * Output projections that heads bring along, though their verifier's reads what they give.
 *
 * @module
 */
import { UnsupportedModelError } from "../base/errors.ts";
import { isFloatDType } from "../base/half.ts";
import { openCheckpoint } from "../checkpoint/checkpoint.ts";
import type { Head } from "../checkpoint/head.ts";
import { EMBEDDING, OUTPUT } from "../checkpoint/names.ts";
import { sameRows } from "../checkpoint/same_rows.ts";

/**
 * Refuses a head with another output projection than that of the model in `dir`. One that the model has quantized
 * cannot be compared; the model's is used then, too.
 */
export function checkOutput(head: Head, dir: string): void {
  if (head.tensors.find(OUTPUT) === undefined) return;
  using model = openCheckpoint(dir);
  const source = model.tensors;
  const name = model.config.tiedEmbeddings ? EMBEDDING : OUTPUT;
  const stored = source.find(name);
  if (stored === undefined || !isFloatDType(stored.dtype)) return;
  if (sameRows({ source, name }, { source: head.tensors, name: OUTPUT })) return;
  throw new UnsupportedModelError(
    "an EAGLE-2 head with an output projection of its own",
    `${OUTPUT} of ${head.dir} is not that of ${dir}, expected the same or none`,
  );
}

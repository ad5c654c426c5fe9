/**
 * Where chains can be cut by how sure a head is of its tokens.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import { checkArgument } from "../base/options.ts";
import { DRAFTER_KINDS } from "../speculation/mod.ts";
import type { DrafterKind } from "./drafters/kind.ts";

/** Refuses to cut by a confidence below `least` where `kind`, which drafts in `method`, has none, or is one of several. */
export function checkConfidence(
  least: number | undefined,
  method: string,
  kind?: DrafterKind,
): void {
  if (least === undefined) return;
  checkArgument("generate", "leastConfidence", least, DRAFTER_KINDS.leastConfidence);
  if (kind?.confident && method !== "auto") return;
  const found = method === "hier" && kind ? `hier over ${kind.name}` : method;
  throw new ArgumentError(
    "leastConfidence",
    `Cannot use leastConfidence ${least}: the method is ${found}, expected dspark, or hier over it`,
  );
}

/**
 * The kinds of drafters: one file and one line each.
 *
 * @module
 */
import { DFLASH } from "./dflash.ts";
import { DSPARK } from "./dspark.ts";
import { EAGLE2 } from "./eagle2.ts";
import { EAGLE3 } from "./eagle3.ts";
import type { DrafterKind } from "./kind.ts";
import { SUFFIX } from "./suffix.ts";

/** Name of a drafter that is no complete model. */
export type DrafterName =
  | typeof SUFFIX.name
  | typeof EAGLE2.name
  | typeof EAGLE3.name
  | typeof DFLASH.name
  | typeof DSPARK.name;

/** All of them. */
export const DRAFTERS: readonly (DrafterKind & { readonly name: DrafterName })[] = [
  SUFFIX,
  EAGLE2,
  EAGLE3,
  DFLASH,
  DSPARK,
];

/** Their names. */
export const DRAFTER_NAMES: readonly DrafterName[] = DRAFTERS.map(({ name }) => name);

/** The kind of a name. */
export function kindOf(name: DrafterName): DrafterKind {
  return DRAFTERS.find((one) => one.name === name)!;
}

/**
 * The kinds of drafters: one file and one line each.
 *
 * @module
 */
import { EAGLE2 } from "./eagle2.ts";
import type { DrafterKind } from "./kind.ts";
import { SUFFIX } from "./suffix.ts";

const KINDS = [SUFFIX, EAGLE2] as const;

/** Name of a drafter that is no complete model. */
export type DrafterName = (typeof KINDS)[number]["name"];

/** All of them. */
export const DRAFTERS: readonly (DrafterKind & { readonly name: DrafterName })[] = KINDS;

/** Their names. */
export const DRAFTER_NAMES: readonly DrafterName[] = DRAFTERS.map(({ name }) => name);

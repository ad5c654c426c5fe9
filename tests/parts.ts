/**
 * Parts of a test that takes hours: `SPECMQUANT_PART=2/8` takes the third of eight. `scripts/parts.ts` runs all of them at
 * once and adds up what they tell.
 *
 * @module
 */
import { environmentVariable } from "../src/base/environment.ts";

/** Which part this is, from 0, of how many. */
export const PART: { readonly index: number; readonly count: number } = partOf(
  environmentVariable("SPECMQUANT_PART"),
);

function partOf(value: string | undefined): { index: number; count: number } {
  if (value === undefined) return { index: 0, count: 1 };
  const [index, count] = (/^(\d+)\/(\d+)$/.exec(value) ?? []).slice(1).map(Number);
  if (index < count) return { index, count };
  throw new Error(
    `Cannot take a part: SPECMQUANT_PART is ${value}, expected e.g. 0/4, 1/4, 2/4 or 3/4`,
  );
}

/** Whether case `index` of `total` is in this part: neighbours are, so that what comes round by turns is in all parts. */
export function isMine(index: number, total: number): boolean {
  return Math.floor(index * PART.count / total) === PART.index;
}

/** Tells what this part has counted. */
export function tell(counts: Readonly<Record<string, number>>): void {
  if (PART.count > 1) console.log(`counted ${JSON.stringify(counts)}`);
}

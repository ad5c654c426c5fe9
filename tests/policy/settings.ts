/**
 * The settings that traces are of: those of `auto` for a target with a head, a draft model and a head of that
 * before decision 59; `late.ts` has those since.
 *
 * @module
 */
import {
  depthOf,
  type DraftSetting,
  PLAIN,
  type Setting,
  type TreeSetting,
} from "../../src/speculation/mod.ts";

/** A tree of a shape. */
export const tree = (depth: number, topk: number, rows: number): TreeSetting => ({
  kind: "tree",
  depth,
  topk,
  rows,
});

/** All settings of these trees of the target's head and of the draft model's; a draft model's sequence of `depth` tokens has so many rows. */
export function settingsOf(
  trees: readonly TreeSetting[],
  innerTrees: readonly TreeSetting[],
  lengths: readonly number[],
  rowsOf: (depth: number) => number,
): readonly Setting[] {
  const inners: DraftSetting["inner"][] = [
    PLAIN,
    { kind: "suffix", depth: 7, rows: 16 },
    ...innerTrees,
  ];
  return [
    PLAIN,
    { kind: "suffix", depth: 15, rows: 16 },
    ...trees,
    ...lengths.flatMap((minDraft) =>
      inners.map((inner): DraftSetting => {
        const depth = minDraft + depthOf(inner);
        return { kind: "draft", minDraft, depth, rows: rowsOf(depth), inner };
      })
    ),
  ];
}

/** All of them. */
export const SETTINGS: readonly Setting[] = settingsOf(
  [tree(5, 8, 32), tree(4, 6, 16), tree(2, 3, 5)],
  [tree(3, 8, 24), tree(2, 3, 5)],
  [10, 6, 3, 1],
  (depth) => 1 + depth + 6,
);

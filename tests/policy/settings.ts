/**
 * The settings that traces are of: those of `auto` for a target with a head, a draft model and a head of that.
 *
 * @module
 */
import {
  type DraftSetting,
  PLAIN,
  type Setting,
  type TreeSetting,
} from "../../src/speculation/mod.ts";

const tree = (depth: number, topk: number, rows: number): TreeSetting => ({
  kind: "tree",
  depth,
  topk,
  rows,
});

const SIBLINGS = 6;

/** Trees of the target's head, and of the draft model's. */
export const TREES: readonly TreeSetting[] = [tree(5, 8, 32), tree(4, 6, 16), tree(2, 3, 5)];
export const INNER_TREES: readonly TreeSetting[] = [tree(3, 8, 24), tree(2, 3, 5)];

const INNER: readonly DraftSetting["inner"][] = [
  PLAIN,
  { kind: "suffix", depth: 7, rows: 16 },
  ...INNER_TREES,
];

/** The longest sequence of a draft model. */
export const LONGEST = 10;

/** All of them. */
export const SETTINGS: readonly Setting[] = [
  PLAIN,
  { kind: "suffix", depth: 15, rows: 16 },
  ...TREES,
  ...[LONGEST, 6, 3, 1].flatMap((minDraft) =>
    INNER.map((inner): DraftSetting => {
      const depth = minDraft + (inner.kind === "plain" ? 0 : inner.depth);
      return { kind: "draft", minDraft, depth, rows: 1 + depth + SIBLINGS, inner };
    })
  ),
];

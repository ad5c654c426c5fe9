/**
 * The settings that traces are of: those of `auto` for a target with a head, a draft model and a head of that.
 *
 * @module
 */
import {
  type DraftSetting,
  PLAIN,
  type Setting,
  settingName,
  type TreeSetting,
} from "../../src/speculation/mod.ts";

const tree = (depth: number, topk: number, rows: number): TreeSetting => ({
  kind: "tree",
  depth,
  topk,
  rows,
});

/** Trees of the target's head, and of the draft model's, on a GPU and on a CPU. */
const GPU_TREES = [tree(7, 8, 32), tree(7, 6, 16), tree(4, 4, 8), tree(2, 3, 5)];
const GPU_INNER_TREES = [tree(5, 4, 8), tree(2, 3, 5)];
const CPU_TREES = [tree(2, 3, 5), tree(2, 1, 3), tree(1, 1, 2)];
const CPU_INNER_TREES = [tree(1, 1, 2)];

const distinct = (trees: readonly TreeSetting[]): readonly TreeSetting[] => [
  ...new Map(trees.map((one) => [settingName(one), one])).values(),
];

/** All trees of the target's head, and of the draft model's. */
export const TREES: readonly TreeSetting[] = distinct([...GPU_TREES, ...CPU_TREES]);
export const INNER_TREES: readonly TreeSetting[] = distinct([
  ...GPU_INNER_TREES,
  ...CPU_INNER_TREES,
]);

function settings(
  trees: readonly TreeSetting[],
  innerTrees: readonly TreeSetting[],
  lengths: readonly number[],
  fill: number,
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
        const depth = minDraft + (inner.kind === "plain" ? 0 : inner.depth);
        const rows = Math.ceil((1 + depth) / fill) * fill;
        return { kind: "draft", minDraft, depth, rows, inner };
      })
    ),
  ];
}

/** Those of a GPU, and of a CPU, where each row is paid for. */
export const SETTINGS: readonly Setting[] = settings(GPU_TREES, GPU_INNER_TREES, [8, 4, 2, 1], 8);
export const CPU_SETTINGS: readonly Setting[] = settings(
  CPU_TREES,
  CPU_INNER_TREES,
  [6, 3, 2, 1],
  1,
);

/** Those that `auto` has where rounds have the costs of that name. */
export function settingsFor(costs: string): readonly Setting[] {
  return costs === "a CPU" ? CPU_SETTINGS : SETTINGS;
}

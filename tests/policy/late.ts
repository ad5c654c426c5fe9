/**
 * The settings that `auto` has now, for a target with a head, a draft model and a head of that, and what their rounds cost. Those
 * of `settings.ts` and `costs.ts` are what it had before: the policy has to do with both.
 *
 * @module
 */
import {
  type Costs,
  type Setting,
  settingName,
  type TreeSetting,
} from "../../src/speculation/mod.ts";
import type { TreeShares } from "./adversary.ts";
import { settingsOf, tree } from "./settings.ts";

/** Trees of the target's head, and of the draft model's, on a GPU and on a CPU. */
const GPU_TREES = [tree(7, 8, 32), tree(7, 6, 16), tree(4, 4, 8), tree(2, 3, 5)];
const GPU_INNER_TREES = [tree(5, 4, 8), tree(2, 3, 5)];
const CPU_TREES = [tree(2, 3, 5), tree(2, 1, 3), tree(1, 1, 2)];
const CPU_INNER_TREES = [tree(1, 1, 2)];

const distinct = (trees: readonly TreeSetting[]): readonly TreeSetting[] => [
  ...new Map(trees.map((one) => [settingName(one), one])).values(),
];

/** All trees of the target's head, and of the draft model's. */
export const LATE_TREES: readonly TreeSetting[] = distinct([...GPU_TREES, ...CPU_TREES]);
export const LATE_INNER_TREES: readonly TreeSetting[] = distinct([
  ...GPU_INNER_TREES,
  ...CPU_INNER_TREES,
]);

/** The settings of a GPU, and of a CPU, where each row is paid for. */
const GPU_SETTINGS = settingsOf(
  GPU_TREES,
  GPU_INNER_TREES,
  [8, 4, 2, 1],
  (depth) => Math.ceil((1 + depth) / 8) * 8,
);
const CPU_SETTINGS = settingsOf(CPU_TREES, CPU_INNER_TREES, [6, 3, 2, 1], (depth) => 1 + depth);

/** How trees do in traces that are drawn. */
export const LATE_SHARES: TreeShares = {
  target: {
    "7-8-32": 1,
    "7-6-16": 0.97,
    "4-4-8": 0.92,
    "2-3-5": 0.85,
    "2-1-3": 0.78,
    "1-1-2": 0.78,
  },
  inner: { "5-4-8": 1, "2-3-5": 0.95, "1-1-2": 0.88 },
};

/** Costs by their names. */
const COSTS: Readonly<Record<string, Costs>> = {
  // As an H200 has them for W4A16 at a context of 512, heads in four bits with 32,000 tokens of their own.
  "70B and 8B": {
    contexts: [512],
    levels: [
      {
        rows: [1, 2, 5, 8, 16, 32],
        verifyMs: [[9.6, 10.0, 10.3, 10.5, 11.6, 13.2]],
        queuedMs: [9.6],
        draftMs: {
          suffix: [0.05],
          "tree 7-8-32": [1.45],
          "tree 7-6-16": [1.45],
          "tree 4-4-8": [0.84],
          "tree 2-3-5": [0.44],
        },
        catchUpMs: [0.4],
        headReadMs: [0.01],
      },
      {
        rows: [1, 2, 8, 16],
        verifyMs: [[1.7, 1.75, 1.8, 2.05]],
        queuedMs: [1.63],
        draftMs: { suffix: [0.05], "tree 5-4-8": [0.5], "tree 2-3-5": [0.21] },
        catchUpMs: [0.09],
        headReadMs: [0.01],
      },
    ],
  },
  // The draft model is a third of the target.
  "3B and 1B": {
    contexts: [512],
    levels: [
      {
        rows: [1, 5, 8, 16, 32],
        verifyMs: [[1.5, 1.55, 1.57, 1.65, 1.9]],
        queuedMs: [1.45],
        draftMs: {
          suffix: [0.05],
          "tree 7-8-32": [0.8],
          "tree 7-6-16": [0.8],
          "tree 4-4-8": [0.45],
          "tree 2-3-5": [0.25],
        },
        catchUpMs: [0.06],
        headReadMs: [0.02],
      },
      {
        rows: [1, 5, 8, 16],
        verifyMs: [[0.6, 0.62, 0.63, 0.67]],
        queuedMs: [0.55],
        draftMs: { suffix: [0.05], "tree 5-4-8": [0.4], "tree 2-3-5": [0.17] },
        catchUpMs: [0.03],
        headReadMs: [0.01],
      },
    ],
  },
  // Each row costs about half of a forward of one.
  "a CPU": {
    contexts: [512],
    levels: [
      {
        rows: [1, 2, 3, 5, 16, 32],
        verifyMs: [[15, 17, 25, 41, 130, 260]],
        queuedMs: [15],
        draftMs: { suffix: [0.02], "tree 2-3-5": [6], "tree 2-1-3": [4], "tree 1-1-2": [2] },
        catchUpMs: [7],
        headReadMs: [0.6],
      },
      {
        rows: [1, 2, 5, 16],
        verifyMs: [[3, 3.6, 8, 26]],
        queuedMs: [2.9],
        draftMs: { suffix: [0.02], "tree 1-1-2": [0.9] },
        catchUpMs: [1.4],
        headReadMs: [0.25],
      },
    ],
  },
};

/** The settings and the costs of each name. */
export const LATE: Readonly<Record<string, { settings: readonly Setting[]; costs: Costs }>> = {
  "70B and 8B": { settings: GPU_SETTINGS, costs: COSTS["70B and 8B"] },
  "3B and 1B": { settings: GPU_SETTINGS, costs: COSTS["3B and 1B"] },
  "a CPU": { settings: CPU_SETTINGS, costs: COSTS["a CPU"] },
};

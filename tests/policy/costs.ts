/**
 * Costs that traces are replayed with: of big models on a GPU, of middling ones, and of small ones on a CPU.
 *
 * @module
 */
import type { Costs } from "../../src/speculation/mod.ts";

/** What `autoPlan` makes of a target with a head, a draft model and its head, without its many lengths. */
export const TREES = ["tree 5-8-32", "tree 4-6-16", "tree 2-3-5"] as const;
export const INNER_TREES = ["tree 3-8-24", "tree 2-3-5"] as const;

/** Costs by their names. */
export const COSTS: Readonly<Record<string, Costs>> = {
  // bench/results: an H200, 70B and 8B in W4A16.
  "70B and 8B": {
    contexts: [512],
    levels: [
      {
        rows: [1, 5, 16, 32],
        verifyMs: [[10.7, 10.9, 11.2, 12.9]],
        queuedMs: [10.6],
        draftMs: {
          suffix: [0.05],
          "tree 5-8-32": [6.9],
          "tree 4-6-16": [5.4],
          "tree 2-3-5": [2.6],
        },
        catchUpMs: [0.4],
      },
      {
        rows: [1, 5, 24],
        verifyMs: [[1.9, 2.0, 2.3]],
        queuedMs: [1.8],
        draftMs: { suffix: [0.05], "tree 3-8-24": [1.4], "tree 2-3-5": [1.0] },
        catchUpMs: [0.07],
      },
    ],
  },
  // The draft model is a third of the target.
  "3B and 1B": {
    contexts: [512],
    levels: [
      {
        rows: [1, 5, 16, 32],
        verifyMs: [[1.5, 1.55, 1.65, 1.9]],
        queuedMs: [1.45],
        draftMs: {
          suffix: [0.05],
          "tree 5-8-32": [1.5],
          "tree 4-6-16": [1.2],
          "tree 2-3-5": [0.6],
        },
        catchUpMs: [0.06],
      },
      {
        rows: [1, 5, 24],
        verifyMs: [[0.6, 0.62, 0.7]],
        queuedMs: [0.55],
        draftMs: { suffix: [0.05], "tree 3-8-24": [0.6], "tree 2-3-5": [0.4] },
        catchUpMs: [0.03],
      },
    ],
  },
  // Each row costs about half of a forward of one.
  "a CPU": {
    contexts: [512],
    levels: [
      {
        rows: [1, 2, 5, 16, 32],
        verifyMs: [[15, 17, 41, 130, 260]],
        queuedMs: [15],
        draftMs: { suffix: [0.02], "tree 5-8-32": [30], "tree 4-6-16": [20], "tree 2-3-5": [6] },
        catchUpMs: [7],
      },
      {
        rows: [1, 2, 5, 24],
        verifyMs: [[3, 3.6, 8, 38]],
        queuedMs: [2.9],
        draftMs: { suffix: [0.02], "tree 3-8-24": [8], "tree 2-3-5": [2] },
        catchUpMs: [1.4],
      },
    ],
  },
};

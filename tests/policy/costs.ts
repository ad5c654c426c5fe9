/**
 * Costs that traces are replayed with: of big models on a GPU, of middling ones, and of small ones on a CPU.
 *
 * @module
 */
import type { Costs } from "../../src/speculation/mod.ts";

/** Costs by their names. */
export const COSTS: Readonly<Record<string, Costs>> = {
  // As an H200 has them for W4A16 at a context of 512 (bench/results, h200-2026-11-28 and 29), shapes between as their neighbours.
  "70B and 8B": {
    contexts: [512],
    levels: [
      {
        rows: [1, 5, 16, 32],
        verifyMs: [[10.6, 11.5, 12.2, 14.0]],
        queuedMs: [10.6],
        draftMs: {
          suffix: [0.05],
          "tree 5-8-32": [5.1],
          "tree 4-6-16": [4.1],
          "tree 2-3-5": [2.1],
        },
        catchUpMs: [0.4],
        headReadMs: [0.05],
      },
      {
        rows: [1, 5, 24],
        verifyMs: [[2.0, 2.2, 2.7]],
        queuedMs: [1.95],
        draftMs: { suffix: [0.05], "tree 3-8-24": [1.3], "tree 2-3-5": [0.9] },
        catchUpMs: [0.09],
        headReadMs: [0.02],
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
        headReadMs: [0.02],
      },
      {
        rows: [1, 5, 24],
        verifyMs: [[0.6, 0.62, 0.7]],
        queuedMs: [0.55],
        draftMs: { suffix: [0.05], "tree 3-8-24": [0.6], "tree 2-3-5": [0.4] },
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
        rows: [1, 2, 5, 16, 32],
        verifyMs: [[15, 17, 41, 130, 260]],
        queuedMs: [15],
        draftMs: { suffix: [0.02], "tree 5-8-32": [30], "tree 4-6-16": [20], "tree 2-3-5": [6] },
        catchUpMs: [7],
        headReadMs: [0.6],
      },
      {
        rows: [1, 2, 5, 24],
        verifyMs: [[3, 3.6, 8, 38]],
        queuedMs: [2.9],
        draftMs: { suffix: [0.02], "tree 3-8-24": [8], "tree 2-3-5": [2] },
        catchUpMs: [1.4],
        headReadMs: [0.25],
      },
    ],
  },
};

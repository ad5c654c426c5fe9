/**
 * The methods of speculation that conformance tests run: every drafter, and drafters in drafters.
 *
 * @module
 */
import type { HeadModel, Model } from "../src/model/mod.ts";
import { type DrafterPlan, draftModel, eagle2, suffix } from "../src/speculation/mod.ts";

/** The models that methods are made of. */
export interface Trio {
  target: Model;
  draft: Model;
  targetHead: HeadModel;
  draftHead: HeadModel;
}

/** A way to propose tokens. */
export interface TestedMethod {
  name: string;
  plan(trio: Trio): DrafterPlan;
}

/** Every drafter and the compositions that the paper and this project speak of. */
export const METHODS: readonly TestedMethod[] = [
  { name: "draft", plan: ({ draft }) => draftModel(draft, { minDraft: 5 }) },
  {
    name: "eagle2",
    plan: ({ targetHead }) => eagle2(targetHead, { depth: 5, topk: 6, treeSize: 24 }),
  },
  { name: "suffix", plan: () => suffix({ depth: 7, treeSize: 12, leastWorth: 0 }) },
  {
    name: "hier",
    plan: ({ draft, draftHead }) =>
      draftModel(draft, { minDraft: 6 }, eagle2(draftHead, { depth: 3, topk: 4, treeSize: 12 })),
  },
  {
    name: "draft with siblings",
    plan: ({ draft }) => draftModel(draft, { minDraft: 5, siblings: 7 }),
  },
  {
    name: "hier with siblings",
    plan: ({ draft, draftHead }) =>
      draftModel(
        draft,
        { minDraft: 6, siblings: 5 },
        eagle2(draftHead, { depth: 3, topk: 4, treeSize: 12 }),
      ),
  },
  {
    name: "hier of draft models",
    plan: ({ draft }) =>
      draftModel(
        draft,
        { minDraft: 6 },
        draftModel(draft, { minDraft: 2, name: "inner" }),
      ),
  },
  {
    name: "hier over suffix",
    plan: ({ draft }) =>
      draftModel(draft, { minDraft: 5 }, suffix({ depth: 4, treeSize: 8, leastWorth: 0 })),
  },
  {
    name: "hier of hier",
    plan: ({ draft, draftHead }) =>
      draftModel(
        draft,
        { minDraft: 7, siblings: 3 },
        draftModel(
          draft,
          { minDraft: 3, siblings: 4, name: "inner" },
          eagle2(draftHead, { depth: 2, topk: 3, treeSize: 8 }),
        ),
      ),
  },
  {
    name: "hier of hier over suffix",
    plan: ({ draft }) =>
      draftModel(
        draft,
        { minDraft: 7 },
        draftModel(draft, { minDraft: 3, name: "inner" }, suffix({ depth: 3, treeSize: 6 })),
      ),
  },
];

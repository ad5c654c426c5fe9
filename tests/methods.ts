/**
 * The methods of speculation that conformance tests run: every drafter, and drafters in drafters.
 *
 * @module
 */
import type { HeadModel, Model } from "../src/model/mod.ts";
import { type DrafterPlan, draftModel, eagle2, eagle3, suffix } from "../src/speculation/mod.ts";
import { EAGLE3_LAYOUTS } from "./models.ts";

/** The models that methods are made of. */
export interface Trio {
  target: Model;
  draft: Model;
  targetHead: HeadModel;
  draftHead: HeadModel;
  /** EAGLE-3 heads of both, by layout, where a test has them. */
  eagle3?: Readonly<Record<string, { readonly target: HeadModel; readonly draft: HeadModel }>>;
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

/** The methods of an EAGLE-3 head stored as `layout` says, for trios that have one: of the target, then in hierarchies. */
function eagle3Methods(layout: string): readonly TestedMethod[] {
  const of = (trio: Trio) => trio.eagle3![layout];
  return [
    {
      name: `eagle3 (${layout})`,
      plan: (trio) => eagle3(of(trio).target, { depth: 5, topk: 6, treeSize: 24 }),
    },
    {
      name: `hier of eagle3 (${layout})`,
      plan: (trio) =>
        draftModel(
          trio.draft,
          { minDraft: 6 },
          eagle3(of(trio).draft, { depth: 3, topk: 4, treeSize: 12 }),
        ),
    },
    {
      name: `hier of hier of eagle3 (${layout})`,
      plan: (trio) =>
        draftModel(
          trio.draft,
          { minDraft: 7 },
          draftModel(
            trio.draft,
            { minDraft: 3, name: "inner" },
            eagle3(of(trio).draft, { depth: 2, topk: 3, treeSize: 8 }),
          ),
        ),
    },
  ];
}

/** Every method that there are models for: with EAGLE-3 heads, alone and in a hierarchy. */
export function methodsOf({ eagle3 = {} }: Trio): readonly TestedMethod[] {
  return [
    ...METHODS,
    ...Object.keys(eagle3).flatMap((layout) => eagle3Methods(layout).slice(0, 2)),
  ];
}

/** Every composition with the first of the layouts of EAGLE-3 heads, and each other layout alone on the target. */
export const EAGLE3_METHODS: readonly TestedMethod[] = Object.keys(EAGLE3_LAYOUTS).flatMap((
  layout,
  i,
) => eagle3Methods(layout).slice(0, i === 0 ? undefined : 1));

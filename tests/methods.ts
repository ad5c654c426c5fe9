/**
 * The methods of speculation that conformance tests run: every drafter, and drafters in drafters.
 *
 * @module
 */
import type { HeadModel, Model } from "../src/model/mod.ts";
import {
  dflash,
  type DrafterPlan,
  draftModel,
  dspark,
  eagle2,
  eagle3,
  suffix,
  type TreeOptions,
} from "../src/speculation/mod.ts";
import { BLOCK_LAYOUTS, EAGLE3_LAYOUTS } from "./models.ts";
import { RECENT_FAMILIES } from "./recent_heads.ts";

/** The models that methods are made of. */
export interface Trio {
  target: Model;
  draft: Model;
  targetHead: HeadModel;
  draftHead: HeadModel;
  /** EAGLE-3 heads of both, by layout, where a test has them. */
  eagle3?: Readonly<Record<string, { readonly target: HeadModel; readonly draft: HeadModel }>>;
  /** Block drafters of both, likewise. */
  blocks?: Trio["eagle3"];
  /** Heads with recent tokens, by family, likewise. */
  recent?: Trio["eagle3"];
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

/** A head of each of two models. */
type HeadPair = NonNullable<Trio["eagle3"]>[string];

/** The methods of a head, for trios that have one: of the target, then in hierarchies. */
function headMethods(
  name: string,
  make: (head: HeadModel, options: TreeOptions) => DrafterPlan,
  of: (trio: Trio) => HeadPair,
): readonly TestedMethod[] {
  return [
    { name, plan: (trio) => make(of(trio).target, { depth: 5, topk: 6, treeSize: 24 }) },
    {
      name: `hier of ${name}`,
      plan: (trio) =>
        draftModel(
          trio.draft,
          { minDraft: 6 },
          make(of(trio).draft, { depth: 3, topk: 4, treeSize: 12 }),
        ),
    },
    {
      name: `hier of hier of ${name}`,
      plan: (trio) =>
        draftModel(
          trio.draft,
          { minDraft: 7 },
          draftModel(
            trio.draft,
            { minDraft: 3, name: "inner" },
            make(of(trio).draft, { depth: 2, topk: 3, treeSize: 8 }),
          ),
        ),
    },
  ];
}

/** The methods of an EAGLE-3 head stored as `layout` says. */
function eagle3Methods(layout: string): readonly TestedMethod[] {
  return headMethods(`eagle3 (${layout})`, eagle3, (trio) => trio.eagle3![layout]);
}

/** The methods of a block drafter stored as `layout` says; behind them chains, which are proposals without branches. */
function blockMethods(layout: string): readonly TestedMethod[] {
  const of = (trio: Trio): HeadPair => trio.blocks![layout];
  const make = (head: HeadModel, options: TreeOptions): DrafterPlan =>
    (head.description.kind === "dspark" ? dspark : dflash)(head, options);
  const chain = { depth: 5, topk: 1, treeSize: 6 };
  return [
    ...headMethods(`blocks (${layout})`, make, of),
    { name: `chain of blocks (${layout})`, plan: (trio) => make(of(trio).target, chain) },
    {
      name: `hier of a chain of blocks (${layout})`,
      plan: (trio) => draftModel(trio.draft, { minDraft: 6 }, make(of(trio).draft, chain)),
    },
  ];
}

/** The methods of a head with recent tokens. */
function recentMethods(family: string): readonly TestedMethod[] {
  const make = (head: HeadModel, options: TreeOptions): DrafterPlan =>
    ({ eagle2, eagle3, dflash, dspark })[head.description.kind](head, options);
  return headMethods(`${family} with recent tokens`, make, ({ recent }) => recent![family]);
}

/** Every method that there are models for: with EAGLE-3 heads, block drafters and recent tokens, alone and in a hierarchy. */
export function methodsOf(
  { eagle3 = {}, blocks = {}, recent = {} }: Trio,
): readonly TestedMethod[] {
  return [
    ...METHODS,
    ...Object.keys(eagle3).flatMap((layout) => eagle3Methods(layout).slice(0, 2)),
    ...Object.keys(blocks).flatMap((layout) => blockMethods(layout).slice(0, 2)),
    ...Object.keys(recent).flatMap((family) => recentMethods(family).slice(0, 2)),
  ];
}

/** Every composition with the first of the layouts of EAGLE-3 heads, and each other layout alone on the target. */
export const EAGLE3_METHODS: readonly TestedMethod[] = Object.keys(EAGLE3_LAYOUTS).flatMap((
  layout,
  i,
) => eagle3Methods(layout).slice(0, i === 0 ? undefined : 1));

/** Every composition with the first two of the layouts of block drafters, a DFlash and a DSpark one, and the others alone. */
export const BLOCK_METHODS: readonly TestedMethod[] = Object.keys(BLOCK_LAYOUTS).flatMap((
  layout,
  i,
) => blockMethods(layout).slice(0, i < 2 ? undefined : 1));

/** Every composition with recent tokens of the first family that has them, and the others alone. */
export const RECENT_METHODS: readonly TestedMethod[] = RECENT_FAMILIES.flatMap((family, i) =>
  recentMethods(family).slice(0, i === 0 ? undefined : 1)
);

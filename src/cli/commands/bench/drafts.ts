/**
 * What a proposal of each head costs, beside what it must read.
 *
 * @module
 */
import type { HeadKind } from "../../../checkpoint/synthetic/head_shapes.ts";
import { DRAFTERS } from "../../../engine/drafters/registry.ts";
import { SPECULATION_DEFAULTS } from "../../../engine/mod.ts";
import type { HeadModel } from "../../../model/mod.ts";
import type { TreeOptions } from "../../../speculation/mod.ts";
import { type Bench, type BenchModel, type BenchTable, readCeiling, subjectOf } from "./bench.ts";
import { draftBytes } from "./draft_bytes.ts";
import { type Figure, readTime } from "./figure.ts";
import { timeRounds } from "./rounds.ts";

const TREE: TreeOptions = { depth: 3, topk: 10, treeSize: 24 };
const CHAIN: TreeOptions = { depth: 7, topk: 1, treeSize: 8 };

/** What each family proposes: trees as in the paper, and chains of a block. */
const SHAPES: Readonly<Record<HeadKind, TreeOptions>> = {
  eagle2: TREE,
  eagle3: TREE,
  dflash: CHAIN,
  dspark: CHAIN,
};

/** How the linear layers of a head are stored; several names where they differ. */
function schemesOf({ summary }: HeadModel): string {
  return [...new Set(summary.layers.map(({ scheme }) => scheme))].join("+");
}

function measureHead(
  bench: Bench,
  { name, model }: BenchModel,
  kind: HeadKind,
  head: HeadModel,
): Figure[] {
  const { context, runs, progress } = bench;
  const shape = SHAPES[kind];
  const { depth, topk, treeSize } = shape;
  progress(`drafts of ${kind} on ${name}`, 0, 1);
  const drafter = DRAFTERS.find((one) => one.name === kind)!;
  const plan = drafter.plan({ ...SPECULATION_DEFAULTS[drafter.name], ...shape }, head);
  const { draft } = timeRounds(model, plan, context, runs);
  const bytes = draftBytes(head, shape, context);
  const ceiling = readCeiling(bench);
  const what = `${kind}-${depth}-${topk}-${treeSize} ${
    schemesOf(head)
  } vocabulary=${head.vocabulary}`;
  return [
    readTime(what, draft, bytes, ceiling),
    { name: `${what} floor`, value: (bytes / ceiling) * 1000, unit: "ms", better: "lower" },
  ];
}

/** The table `drafts`. */
export const drafts: BenchTable = {
  name: "drafts",
  summary: "a proposal of each head: its time, and what it reads",
  models: ["synthetic", "trio", "inflate"],
  uses: ["context", "head-scheme", "head-tokens"],
  *measure(bench) {
    for (const one of bench.models) {
      const figures = (Object.entries(one.heads) as [HeadKind, HeadModel][])
        .flatMap(([kind, head]) => measureHead(bench, one, kind, head));
      for (const { kind, load } of one.others) {
        using head = load();
        figures.push(...measureHead(bench, one, kind, head));
      }
      if (figures.length === 0) continue;
      yield {
        table: "drafts",
        subject: subjectOf(one),
        notes: [
          `context ${bench.context} and a little more; family-D-K-N: a tree of depth D, topk K and N nodes, ` +
          "with topk 1 a chain of D tokens; then how the head's linear layers are stored, and the entries " +
          "of its logits",
          "bytes: the weights of each pass and the caches; the output projection is the model's where the " +
          "head has none; floor: those bytes at the read ceiling",
        ],
        figures,
      };
    }
  },
};

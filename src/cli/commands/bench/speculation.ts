/**
 * Rounds of speculation: EAGLE-2 trees, a draft model, and the hierarchy of both.
 *
 * @module
 */
import {
  type DrafterPlan,
  draftModel,
  eagle2,
  type TreeOptions,
} from "../../../speculation/mod.ts";
import { type Bench, type BenchModel, type BenchTable, subjectOf } from "./bench.ts";
import { type Figure, time } from "./figure.ts";
import { type RoundTimes, timeRounds } from "./rounds.ts";

/** Trees of a head that drafts for a target. */
const TREES: readonly TreeOptions[] = [
  { depth: 3, topk: 10, treeSize: 24 },
  { depth: 6, topk: 10, treeSize: 60 },
];
/** The tree inside a hierarchy. */
const INNER_TREE: TreeOptions = { depth: 3, topk: 10, treeSize: 30 };
/** Tokens of a draft model's sequence, at least. */
const MIN_DRAFT = 6;
/** Tree rounds a sequence takes at the paper's accept lengths. */
const TREE_ROUNDS = [2, 3];

const spelled = ({ depth, topk, treeSize }: TreeOptions) => `${depth}-${topk}-${treeSize}`;

function parts(name: string, times: RoundTimes): Figure[] {
  const part = (which: "draft" | "verify" | "commit" | "round") =>
    time(`${name} ${which}`, times[which]);
  return [
    part("draft"),
    part("verify"),
    part("commit"),
    part("round"),
    { name: `${name} tau`, value: times.tau, unit: "tokens", better: "higher" },
  ];
}

/** Of a hierarchy: a tree round, and the whole round with R of them, from the measured parts. */
function hierarchyParts(name: string, times: RoundTimes): Figure[] {
  const { innerRound, innerRounds, verify, commit, rest } = times;
  if (innerRound === undefined || innerRounds === undefined) return [];
  const whole = (rounds: number): Figure => ({
    name: `${name} round R=${rounds}`,
    value: rounds * innerRound.median + rest.median,
    unit: "ms",
    better: "lower",
  });
  return [
    time(`${name} tree round`, innerRound),
    time(`${name} verify`, verify),
    time(`${name} commit`, commit),
    ...TREE_ROUNDS.map(whole),
    { name: `${name} tree rounds`, value: innerRounds, unit: "rounds", better: "lower" },
    { name: `${name} tau`, value: times.tau, unit: "tokens", better: "higher" },
  ];
}

function measureTarget(bench: Bench, one: BenchModel): Figure[] {
  const { context, runs, models, progress } = bench;
  const last = models[models.length - 1];
  const draft = last === one ? undefined : last;
  const figures: Figure[] = [];
  const measure = (name: string, plan: DrafterPlan): RoundTimes => {
    progress(`${name} on ${one.name}`, 0, 1);
    return timeRounds(one.model, plan, context, runs);
  };
  const { eagle2: head } = one.heads;
  for (const tree of head ? TREES : []) {
    const name = `eagle2-${spelled(tree)}`;
    figures.push(...parts(name, measure(name, eagle2(head!, tree))));
  }
  if (draft === undefined) return figures;
  const name = `draft-${MIN_DRAFT}`;
  const options = { minDraft: MIN_DRAFT };
  figures.push(...parts(name, measure(name, draftModel(draft.model, options))));
  const { eagle2: inner } = draft.heads;
  if (inner === undefined) return figures;
  const whole = `hier-${MIN_DRAFT}-${spelled(INNER_TREE)}`;
  const plan = draftModel(draft.model, options, eagle2(inner, INNER_TREE));
  return [...figures, ...hierarchyParts(whole, measure(whole, plan))];
}

/** The table `speculation`. */
export const speculation: BenchTable = {
  name: "speculation",
  summary: "rounds of EAGLE-2, of a draft model and of the hierarchy",
  models: ["synthetic", "trio", "inflate"],
  uses: ["context", "head-scheme", "head-tokens"],
  *measure(bench) {
    const { models } = bench;
    for (const one of models) {
      const figures = measureTarget(bench, one);
      if (figures.length === 0) continue;
      const last = models[models.length - 1];
      yield {
        table: "speculation",
        subject: subjectOf(one),
        notes: [
          `context ${bench.context} and a little more; draft, verify, commit: on the device; ` +
          "round: wall time",
          "eagle2-D-K-N: trees of depth D, topk K and N nodes; draft-T: sequences of T tokens; " +
          "hier-T-D-K-N: both",
          ...(last === one ? [] : [
            `${last.name} drafts; R: tree rounds of one sequence; a round with R of them is R ` +
            "tree rounds and what the round takes beside its draft",
          ]),
          ...(bench.synthetic
            ? ["weights are random, and so is what is accepted: tau says nothing about real models"]
            : []),
        ],
        figures,
      };
    }
  },
};

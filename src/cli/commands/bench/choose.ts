/**
 * The choice of tokens by the number of rows and by what is asked of it, beside the forward that it ends.
 *
 * @module
 */
import type { ChoiceOptions } from "../../../engine/mod.ts";
import { Arena, rows } from "../../../device/mod.ts";
import { type Bench, type BenchModel, type BenchTable, MODEL_OPTIONS, subjectOf } from "./bench.ts";
import { type Figure, time } from "./figure.ts";
import { FilledState } from "./filled_state.ts";
import { timeCaptured } from "./timing.ts";

/** Penalties that are all on. */
const PENALTIES: ChoiceOptions = {
  repetitionPenalty: 1.1,
  presencePenalty: 0.1,
  frequencyPenalty: 0.1,
};

/** What is asked of a choice, each alone, then all of it together. */
const SETTINGS: readonly [string, ChoiceOptions][] = [
  ["greedy", {}],
  ["temperature", { temperature: 1 }],
  ["top-k", { temperature: 1, topK: 50 }],
  ["top-p", { temperature: 1, topP: 0.9 }],
  ["min-p", { temperature: 1, minP: 0.1 }],
  ["penalties", PENALTIES],
  ["bias", { logitBias: { 7: 1, 100: -1 } }],
  ["all", {
    ...PENALTIES,
    temperature: 0.8,
    topK: 50,
    topP: 0.9,
    minP: 0.05,
    logitBias: { 7: 1, 100: -1 },
  }],
];

function measureModel(bench: Bench, { name, model }: BenchModel): Figure[] {
  const { device, context, runs, progress } = bench;
  const { vocabSize } = model.config;
  using filled = new FilledState(model, context, Math.max(...bench.rows));
  using arena = new Arena(device, "masks");
  const words = Math.ceil(vocabSize / 32);
  // Every second token.
  const half = new Int32Array(Math.max(...bench.rows) * words).fill(0x55555555);
  const masks = arena.fromHost("i32", [Math.max(...bench.rows), words], half);
  return bench.rows.flatMap((count, i) => {
    progress(`choice of ${name}`, i, bench.rows.length);
    // Leaves the logits that the choices are made from.
    const forward = timeCaptured(device, runs, () => filled.queueVerification(count));
    const measure = (label: string, options: ChoiceOptions, masked = false): Figure => {
      filled.choice.set(options, Math.floor(context / 2), vocabSize);
      const allowed = masked ? rows(masks, 0, count) : undefined;
      const samples = timeCaptured(device, runs, () => filled.queueChoice(count, allowed));
      const share = samples.median / forward.median;
      return time(`rows=${count} ${label}`, samples, { share });
    };
    const figures = [
      ...SETTINGS.map(([label, options]) => measure(label, options)),
      measure("masks", {}, true),
    ];
    filled.choice.set({}, 0, vocabSize);
    return figures;
  });
}

/** The table `choose`. */
export const choose: BenchTable = {
  name: "choose",
  summary: "the choice of tokens, by rows and by what is asked of it",
  models: MODEL_OPTIONS,
  uses: ["rows", "context"],
  *measure(bench) {
    for (const one of bench.models) {
      yield {
        table: "choose",
        subject: subjectOf(one),
        notes: [
          `context ${bench.context}, half of it the prompt; share: of the forward of the same rows, ` +
          "a greedy choice with it",
        ],
        figures: measureModel(bench, one),
      };
    }
  },
};

/**
 * Text from prompts, with every method.
 *
 * @module
 */
import {
  type ChoiceOptions,
  type GenerateOptions,
  type GenerationStats,
  type Method,
  METHODS,
  Session,
  SPECULATION_DEFAULTS,
} from "../../../engine/mod.ts";
import { autoPlan } from "../../../engine/auto.ts";
import { EAGLE2 } from "../../../engine/drafters/eagle2.ts";
import { type DrafterPlan, draftModel, eagle2, suffix } from "../../../speculation/mod.ts";
import { CHOICE_OPTIONS } from "../../options/sampling.ts";
import type { Bench, BenchTable, BenchText } from "./bench.ts";
import type { Figure } from "./figure.ts";

/** The longest text that is planned for. */
const CONTEXT = 512;

/** The seed of every text where none is given, so that a run can be repeated. */
const SEED = 0;

/** How tokens are chosen, for the notes. */
function chosen(choice: ChoiceOptions): string {
  const said = Object.entries({ seed: SEED, ...choice })
    .filter(([name]) => name !== "seed" || (choice.temperature ?? 0) > 0)
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`);
  return said.length === 0 ? "greedy" : said.join(", ");
}

/** The drafter of `method`, with the shape that engines give it; undefined where a model is missing. */
function planOf({ models }: Bench, method: Method): { plan?: DrafterPlan } | undefined {
  const shape = SPECULATION_DEFAULTS[method];
  const [target] = models;
  const draft = models.length > 1 ? models[models.length - 1] : undefined;
  switch (method) {
    case "ar":
      return {};
    case "draft":
      return draft && { plan: draftModel(draft.model, shape) };
    case "eagle2":
      return target.head && { plan: eagle2(target.head, shape) };
    // Benches have EAGLE-2 heads.
    case "eagle3":
    case "dflash":
    case "dspark":
      return undefined;
    case "auto":
      return models.some(({ head }) => head) || draft
        ? {
          plan: autoPlan({
            head: target.head && { kind: EAGLE2, head: target.head },
            draft: draft?.model,
            draftHead: draft?.head && { kind: EAGLE2, head: draft.head },
          }),
        }
        : undefined;
    case "suffix":
      return { plan: suffix(shape) };
    case "hier":
      return draft?.head && { plan: draftModel(draft.model, shape, eagle2(draft.head, shape)) };
  }
}

/** What all prompts of a method come to. */
interface Totals {
  tokens: number;
  decodeMs: number;
  forwards: number;
  committed: number;
  draftMs: number;
  verifyMs: number;
  commitMs: number;
  /** Parts of the time in `draftMs`: of the draft model's own rounds. */
  inner: { draft: number; verify: number; commit: number };
  /** Prompts whose tokens are those of plain decoding. */
  identical: number;
}

function add(totals: Totals, tokens: number, stats: GenerationStats): void {
  const [target, ...below] = stats.levels;
  totals.tokens += tokens;
  totals.decodeMs += stats.timings.decodeMs;
  totals.forwards += target.rounds;
  totals.committed += target.tokens;
  totals.draftMs += target.draftMs;
  totals.verifyMs += target.verifyMs;
  totals.commitMs += target.commitMs;
  for (const level of below) {
    totals.inner.draft += level.draftMs;
    totals.inner.verify += level.verifyMs;
    totals.inner.commit += level.commitMs;
  }
}

function figuresOf(method: Method, totals: Totals, prompts: number, plain: number): Figure[] {
  const { tokens, decodeMs, forwards } = totals;
  const perSecond = (tokens / decodeMs) * 1000;
  const part = (name: string, ms: number): Figure => ({
    name: `${method} ${name}`,
    value: ms / forwards,
    unit: "ms",
    better: "lower",
    share: ms / decodeMs,
  });
  const { draftMs, verifyMs, commitMs } = totals;
  return [
    {
      name: `${method} speed`,
      value: perSecond,
      unit: "tokens/s",
      better: "higher",
      runs: prompts,
      relative: plain === 0 ? 1 : perSecond / plain,
    },
    { name: `${method} tau`, value: totals.committed / forwards, unit: "tokens", better: "higher" },
    part("round", decodeMs),
    part("draft", draftMs),
    ...Object.entries(totals.inner).filter(([, ms]) => ms > 0)
      .map(([name, ms]) => part(`draft's ${name}`, ms)),
    part("verify", verifyMs),
    part("commit", commitMs),
    part("other", decodeMs - draftMs - verifyMs - commitMs),
    ...(method === "ar" ? [] : [
      {
        name: `${method} identical`,
        value: totals.identical / prompts,
        unit: "share",
        better: "higher",
      } as const,
    ]),
  ];
}

async function* measureAll(bench: Bench, text: BenchText): AsyncGenerator<Figure> {
  const { models: [target], progress } = bench;
  const { tokenizer, prompts, maxTokens, choice } = text;
  const options: GenerateOptions = { maxTokens, seed: SEED, ...choice };
  const expected: string[] = [];
  let plain = 0;
  for (const method of METHODS) {
    const made = planOf(bench, method);
    if (made === undefined) continue;
    using session = new Session(target.model, tokenizer, {
      context: Math.min(CONTEXT, target.model.config.maxPositions),
      drafter: made.plan,
      method,
    });
    const totals: Totals = {
      tokens: 0,
      decodeMs: 0,
      forwards: 0,
      committed: 0,
      draftMs: 0,
      verifyMs: 0,
      commitMs: 0,
      inner: { draft: 0, verify: 0, commit: 0 },
      identical: 0,
    };
    // The first text warms up: caches grow, clocks rise.
    await session.generate(prompts[0], options).finish();
    for (const [i, prompt] of prompts.entries()) {
      progress(`end to end, ${method}`, i, prompts.length);
      const { tokens, stats } = await session.generate(prompt, options).finish();
      add(totals, tokens.length, stats);
      const said = tokens.join();
      if (method === "ar") expected.push(said);
      if (said === expected[i]) totals.identical++;
    }
    const figures = figuresOf(method, totals, prompts.length, plain);
    if (method === "ar") plain = figures[0].value;
    yield* figures;
  }
}

/** The table `end-to-end`. */
export const endToEnd: BenchTable = {
  name: "end-to-end",
  summary: "text from prompts with every method: speed, accept lengths, where the time goes",
  models: ["trio", "inflate"],
  uses: ["prompts", "max-tokens", ...CHOICE_OPTIONS.map(({ name }) => name)],
  async *measure(bench) {
    const { text, models } = bench;
    if (text === undefined) return;
    const figures = await Array.fromAsync(measureAll(bench, text));
    yield {
      table: "end-to-end",
      subject: models.map(({ name }) => name).join("+"),
      notes: [
        `${text.prompts.length} prompts, ${
          chosen(text.choice)
        }, up to ${text.maxTokens} tokens each, shapes of ` +
        "proposals as engines have them by default; speed: tokens over decoding time, and times " +
        "plain decoding; round and its parts: a target forward, and of all decoding time; " +
        "draft's: parts of draft, in the draft model's own rounds",
        "identical: of the prompts, those whose tokens are all the same as in plain decoding",
      ],
      figures,
    };
  },
};

/**
 * The figures of an evaluation.
 *
 * @module
 */
import type { ChoiceOptions } from "../../engine/mod.ts";
import type { Answer } from "../runs/answer.ts";
import type { AnswerFile } from "../runs/answer_file.ts";
import { type EvalPlan, jobsOf, type PlannedSet } from "../runs/plan.ts";
import type { RunSettings } from "../runs/settings.ts";
import type { Grades } from "./grades.ts";
import { bootstrap, type Interval, shareInterval } from "./statistics.ts";
import { NONE, plus, type Totals, totalsOf } from "./totals.ts";

/** How fast answers came. */
export interface Speed {
  /** All tokens over all time. */
  readonly tokensPerSecond: number | null;
  /** Where it lies for other prompts of the kind. */
  readonly interval: Interval | null;
  /** Times that of `ar` on the same prompts; null without `ar`. */
  readonly speedup: number | null;
  /** Where that lies. */
  readonly speedupInterval: Interval | null;
}

/** The share of right answers. */
export interface Quality {
  /** Of all answers. */
  readonly share: number;
  /** Where it lies; answers of other seeds count as one. */
  readonly interval: Interval | null;
}

/** Figures of one method on one task, or on all. */
export interface Figures {
  /** The task; null for all. */
  readonly task: string | null;
  /** Problems. */
  readonly problems: number;
  /** Answers: problems, times seeds. */
  readonly answers: number;
  /** Turns that did not fit into the context, and were not asked. */
  readonly left: number;
  /** Tokens of all answers. */
  readonly tokens: number;
  /** Of rounds alone. */
  readonly decode: Speed;
  /** Of whole requests: the reading of prompts, the drafter's included, and rounds. */
  readonly whole: Speed;
  /** Mean milliseconds an answer in which prompts were read. */
  readonly prefillMs: number | null;
  /** Mean milliseconds an answer of rounds. */
  readonly decodeMs: number | null;
  /** The mean accept length of the target's rounds. */
  readonly tau: number | null;
  /** How many rounds of the target had an accept length of i, at index i. */
  readonly acceptLengths: readonly number[];
  /** Answers whose tokens are those of `ar`; null without `ar`. */
  readonly same: number | null;
  /** Right answers; null where they are not judged. */
  readonly quality: Quality | null;
}

/** Figures of one method. */
export interface MethodSummary {
  /** Its name. */
  readonly name: string;
  /** Of all tasks together. */
  readonly all: Figures;
  /** Of each task. */
  readonly tasks: readonly Figures[];
}

/** Figures of one target. */
export interface TargetSummary {
  /** Its name. */
  readonly name: string;
  /** How its tokens are chosen. */
  readonly choice: ChoiceOptions;
  /** The seeds; null for greedy text. */
  readonly seeds: readonly (number | null)[];
  /** The methods. */
  readonly methods: readonly MethodSummary[];
}

/** All figures of an evaluation. */
export interface Summary {
  /** See `RunSettings`. */
  readonly schema: string;
  /** When the run began. */
  readonly date: string;
  /** Name of the benchmark. */
  readonly bench: string;
  /** What is judged; null where nothing is. */
  readonly measure: string | null;
  /** What it ran on. */
  readonly device: string;
  /** Most tokens of a turn. */
  readonly maxTokens: number;
  /** The targets. */
  readonly targets: readonly TargetSummary[];
}

/** The method that others are compared with. */
const BASE = "ar";

/** Answers of one method by their problems, in the order of the problems. */
type ByProblem = ReadonlyMap<string, readonly Answer[]>;

/** Sums up what `file` has of `plan`, all of whose jobs are done. */
export function summarize(
  plan: EvalPlan,
  file: AnswerFile,
  settings: RunSettings,
  grades: Grades,
): Summary {
  const tasks = [...new Set(plan.problems.map(({ task }) => task))];
  const targets = plan.sets.map((set): TargetSummary => {
    const answers = new Map(plan.methods.map((method) => {
      const ofMethod = jobsOf(plan, set, method).map((job) => file.get(job)!);
      return [method.name, Map.groupBy(ofMethod, ({ problem }) => problem)];
    }));
    const base = answers.get(BASE);
    const methods = [...answers].map(([name, own]): MethodSummary => ({
      name,
      all: figures(null, own, base, grades),
      tasks: tasks.map((task) => figures(task, own, base, grades)),
    }));
    return { name: set.name, choice: set.choice, seeds: set.seeds, methods };
  });
  return {
    schema: settings.schema,
    date: settings.date,
    bench: plan.bench.name,
    measure: judged(plan, file, grades) ? plan.bench.benchmark.measure!.name : null,
    device: file.all[0].device,
    maxTokens: plan.maxTokens,
    targets,
  };
}

/** All answers to the jobs of `plan`. */
export function answersOf(plan: EvalPlan, file: AnswerFile): readonly Answer[] {
  const ofSet = (set: PlannedSet) => plan.methods.flatMap((method) => jobsOf(plan, set, method));
  return plan.sets.flatMap(ofSet).map((job) => file.get(job)!);
}

function judged(plan: EvalPlan, file: AnswerFile, grades: Grades): boolean {
  return grades(answersOf(plan, file)[0]) !== undefined;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function figures(
  task: string | null,
  own: ByProblem,
  base: ByProblem | undefined,
  grades: Grades,
): Figures {
  const groups = [...own.values()].filter(([answer]) => task === null || answer.task === task);
  const answers = groups.flat();
  const totals = groups.map(sum);
  const plain = base && groups.map(([{ problem }]) => sum(base.get(problem)!));
  const all = totals.reduce((a, b) => plus(a, b), NONE);
  const histogram = acceptLengths(answers);
  return {
    task,
    problems: groups.length,
    answers: answers.length,
    left: answers.reduce((count, { left }) => count + left, 0),
    tokens: all.tokens,
    decode: speed(totals, plain, false),
    whole: speed(totals, plain, true),
    prefillMs: finite(all.prefillMs / answers.length),
    decodeMs: finite(all.decodeMs / answers.length),
    tau: finite(all.committed / all.rounds),
    acceptLengths: histogram,
    same: base === undefined ? null : answers.filter((answer) => isSame(answer, base)).length,
    quality: quality(answers, groups.length, grades),
  };
}

function sum(answers: readonly Answer[]): Totals {
  return answers.reduce((total, answer) => plus(total, totalsOf(answer)), NONE);
}

/** The speed of problems with `totals`, beside those of plain decoding, with intervals over problems. */
function speed(
  totals: readonly Totals[],
  plain: readonly Totals[] | undefined,
  whole: boolean,
): Speed {
  const own = columns(totals, whole);
  const once = new Float64Array(totals.length).fill(1);
  const base = plain && columns(plain, whole);
  const ratio = (counts: Float64Array) => drawnRate(own, counts) / drawnRate(base!, counts);
  return {
    tokensPerSecond: finite(drawnRate(own, once)),
    interval: bootstrap(totals.length, (counts) => drawnRate(own, counts)),
    speedup: base === undefined ? null : finite(ratio(once)),
    // The same problems are drawn for both.
    speedupInterval: base === undefined ? null : bootstrap(totals.length, ratio),
  };
}

/** Tokens and milliseconds of each problem: thousands of draws read them. */
interface Columns {
  readonly tokens: Float64Array;
  readonly ms: Float64Array;
}

function columns(totals: readonly Totals[], whole: boolean): Columns {
  return {
    tokens: Float64Array.from(totals, ({ tokens }) => tokens),
    ms: Float64Array.from(
      totals,
      ({ decodeMs, prefillMs }) => whole ? decodeMs + prefillMs : decodeMs,
    ),
  };
}

/** Tokens a second of problems that count `counts` times; NaN for no time. */
function drawnRate({ tokens, ms }: Columns, counts: Float64Array): number {
  let [made, took] = [0, 0];
  for (let i = 0; i < counts.length; i++) {
    made += counts[i] * tokens[i];
    took += counts[i] * ms[i];
  }
  return took > 0 ? (made / took) * 1000 : NaN;
}

function acceptLengths(answers: readonly Answer[]): number[] {
  const histogram: number[] = [];
  for (const { turns } of answers) {
    for (const { levels: [target] } of turns) {
      for (const length of target.lengths) {
        while (histogram.length <= length) histogram.push(0);
        histogram[length]++;
      }
    }
  }
  return histogram;
}

function isSame(answer: Answer, base: ByProblem): boolean {
  const plain = base.get(answer.problem)!.find(({ seed }) => seed === answer.seed)!;
  const tokens = ({ turns }: Answer) => JSON.stringify(turns.map((turn) => turn.tokens));
  return tokens(answer) === tokens(plain);
}

function quality(answers: readonly Answer[], problems: number, grades: Grades): Quality | null {
  const verdicts = answers.map(grades);
  if (verdicts.length === 0 || verdicts.includes(undefined)) return null;
  const share = verdicts.filter((right) => right).length / verdicts.length;
  return { share, interval: shareInterval(share, problems) };
}

/**
 * The tables of an evaluation, as cells; each format writes them in its own way.
 *
 * @module
 */
import type { Interval } from "../summary/statistics.ts";
import type { Figures, MethodSummary, Speed, Summary, TargetSummary } from "../summary/summary.ts";

/** A column. */
export interface Column {
  /** What stands above it. */
  readonly name: string;
  /** The side that its cells stand on. */
  readonly align: "left" | "right";
}

/** A table. */
export interface ReportTable {
  /** What it shows. */
  readonly title: string;
  /** What a reader must know of it, in sentences. */
  readonly note: string;
  /** Its columns. */
  readonly columns: readonly Column[];
  /** Its rows, a cell for each column. */
  readonly rows: readonly (readonly string[])[];
}

/** Where there is no figure. */
const NONE = "-";

function text(value: number | null, digits: number, unit = ""): string {
  return value === null ? NONE : `${value.toFixed(digits)}${unit}`;
}

function within(value: number | null, interval: Interval | null, digits: number): string {
  if (interval === null) return text(value, digits);
  const [low, high] = interval.map((end) => end.toFixed(digits));
  return `${text(value, digits)} [${low}, ${high}]`;
}

function left(name: string): Column {
  return { name, align: "left" };
}

function right(name: string): Column {
  return { name, align: "right" };
}

function speedCells({ tokensPerSecond, speedup, speedupInterval }: Speed): string[] {
  return [text(tokensPerSecond, 1), within(speedup, speedupInterval, 2)];
}

const ALL = "all";

function speedTable({ name, methods }: TargetSummary): ReportTable {
  const tasks = methods[0].tasks.map(({ task }) => task);
  // One task is all there is.
  const shown = tasks.length > 1 ? [...tasks.map((_, i) => i), null] : [null];
  const rows = shown.flatMap((at) =>
    methods.map((method): string[] => {
      const figures = at === null ? method.all : method.tasks[at];
      const { decode, whole, tau, prefillMs, answers, same } = figures;
      return [
        figures.task ?? ALL,
        method.name,
        ...speedCells(decode),
        ...speedCells(whole),
        text(tau, 2),
        text(prefillMs, 0),
        same === null ? NONE : `${same} of ${answers}`,
      ];
    })
  );
  return {
    title: `Speed: ${name}`,
    note:
      "Tokens a second and times ar: of decoding alone, and of whole requests, in which prompts " +
      "are read by the target and the drafter. Brackets hold 95 in 100 such sets of prompts. Prefill " +
      "is in milliseconds an answer; same counts answers with the tokens of ar.",
    columns: [
      left("task"),
      left("method"),
      right("tokens/s"),
      right("times ar"),
      right("whole tokens/s"),
      right("whole times ar"),
      right("tau"),
      right("prefill ms"),
      right("same"),
    ],
    rows,
  };
}

/** The longest accept length that has a column of its own. */
const LONGEST = 8;

function lengthsTable({ name, methods }: TargetSummary): ReportTable | undefined {
  const drafting = methods.filter(({ all }) => all.acceptLengths.length > 2);
  if (drafting.length === 0) return undefined;
  const row = ({ name, all: { acceptLengths, tau } }: MethodSummary): string[] => {
    const rounds = acceptLengths.reduce((sum, count) => sum + count, 0);
    const share = (count: number) => `${((100 * count) / rounds).toFixed(0)}%`;
    const own = Array.from({ length: LONGEST }, (_, i) => share(acceptLengths[i + 1] ?? 0));
    const more = acceptLengths.slice(LONGEST + 1).reduce((sum, count) => sum + count, 0);
    return [name, `${rounds}`, text(tau, 2), ...own, share(more)];
  };
  return {
    title: `Accept lengths: ${name}`,
    note: "Shares of the target's rounds that committed so many tokens.",
    columns: [
      left("method"),
      right("rounds"),
      right("tau"),
      ...Array.from({ length: LONGEST }, (_, i) => right(`${i + 1}`)),
      right("more"),
    ],
    rows: drafting.map(row),
  };
}

function qualityTable({ measure, targets }: Summary): ReportTable | undefined {
  if (measure === null) return undefined;
  const percent = ({ quality }: Figures) => {
    const { share, interval } = quality!;
    const of100 = interval?.map((end) => 100 * end) as unknown as Interval | undefined;
    return within(100 * share, of100 ?? null, 1);
  };
  return {
    title: `Answers: ${measure}`,
    note: "Right answers in 100; brackets hold 95 in 100 such sets of prompts.",
    columns: [left("target"), left("method"), right("answers"), right(measure)],
    rows: targets.flatMap(({ name, methods }) =>
      methods.map(({ name: method, all }) => [name, method, `${all.answers}`, percent(all)])
    ),
  };
}

function gridTable({ targets }: Summary): ReportTable | undefined {
  if (targets.length < 2) return undefined;
  const methods = targets[0].methods.map(({ name }) => name);
  return {
    title: "Compatibility: targets and methods",
    note:
      "Times ar of the same target, decoding alone, and tau behind it; of ar the tokens a second.",
    columns: [left("target"), ...methods.map(right)],
    rows: targets.map(({ name, methods }) => [
      name,
      ...methods.map(({ name, all: { decode, tau } }) =>
        name === "ar" || decode.speedup === null
          ? `${text(decode.tokensPerSecond, 1)} tokens/s`
          : `${text(decode.speedup, 2)} (${text(tau, 2)})`
      ),
    ]),
  };
}

function leftTable({ targets }: Summary): ReportTable | undefined {
  const rows = targets.flatMap(({ name, methods }) => {
    const [{ all, tasks }] = methods;
    return all.left === 0 ? [] : tasks.filter(({ left }) => left > 0)
      .map(({ task, left }) => [name, task!, `${left}`]);
  });
  if (rows.length === 0) return undefined;
  return {
    title: "Left out",
    note: "Turns whose prompt is longer than the context; they were not asked.",
    columns: [left("target"), left("task"), right("turns")],
    rows,
  };
}

/** All tables of `summary`, in the order of reports. */
export function tablesOf(summary: Summary): readonly ReportTable[] {
  return [
    gridTable(summary),
    ...summary.targets.flatMap((target) => [speedTable(target), lengthsTable(target)]),
    qualityTable(summary),
    leftTable(summary),
  ].filter((table) => table !== undefined);
}

/**
 * Which answers are right.
 *
 * @module
 */
import type { CodeRunner } from "../benchmarks/benchmark.ts";
import type { Answer } from "../runs/answer.ts";
import type { EvalPlan } from "../runs/plan.ts";

/** Whether an answer is right; undefined where that is not judged. */
export type Grades = (answer: Answer) => boolean | undefined;

/** How answers are judged. */
export interface GradeOptions {
  /** Runs code; code is not judged where absent. */
  readonly code?: CodeRunner;
  /** Ends it; its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Hears how many answers are judged. */
  progress(done: number, total: number): void;
}

/**
 * Judges `answers` by what was said in the last turn; one in which that did not fit into the context is wrong. Equal texts,
 * as all methods give them, are judged once.
 */
export async function gradeAll(
  { bench: { benchmark: { measure } }, problems }: EvalPlan,
  answers: readonly Answer[],
  { code, signal, progress }: GradeOptions,
): Promise<Grades> {
  if (measure === undefined || (measure.runsCode && code === undefined)) return () => undefined;
  const byId = new Map(problems.map((problem) => [problem.id, problem]));
  const verdicts = new Map<string, boolean>();
  const saidLast = ({ left, turns }: Answer) => left === 0 ? turns.at(-1)?.text : undefined;
  const keyOf = (answer: Answer) => JSON.stringify([answer.problem, saidLast(answer)]);
  for (const [i, answer] of answers.entries()) {
    progress(i, answers.length);
    const key = keyOf(answer);
    if (verdicts.has(key)) continue;
    signal?.throwIfAborted();
    const { grade } = byId.get(answer.problem)!;
    const text = saidLast(answer);
    verdicts.set(key, text !== undefined && await grade!(text, code));
  }
  progress(answers.length, answers.length);
  return (answer) => verdicts.get(keyOf(answer));
}

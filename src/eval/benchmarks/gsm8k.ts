/**
 * GSM8K: grade-school maths word problems, whose answers are numbers.
 *
 * @module
 */
import type { Benchmark } from "./benchmark.ts";

/** What stands before the number in an answer as the data has it. */
const MARK = "####";

const NUMBER = /-?\$?\d[\d,]*(?:\.\d+)?/g;

/**
 * The number that an answer comes to: the first behind the last `####`, or else the last of all; undefined where there is
 * none. Dollar signs and commas between digits are no part of it.
 */
export function numberIn(answer: string): number | undefined {
  const mark = answer.lastIndexOf(MARK);
  const found = [...answer.slice(mark === -1 ? 0 : mark).matchAll(NUMBER)];
  const text = (mark === -1 ? found.at(-1) : found[0])?.[0];
  return text === undefined ? undefined : Number(text.replace(/[$,]/g, ""));
}

/** See {@linkcode Benchmark}. */
export const GSM8K: Benchmark = {
  name: "gsm8k",
  summary: "GSM8K: 1,319 maths word problems, judged by the number that an answer ends with",
  data: {
    files: ["gsm8k_test.jsonl"],
    published: "test.jsonl in grade_school_math/data of openai/grade-school-math on GitHub",
  },
  measure: { name: "exact match", runsCode: false },
  problem(row) {
    const right = numberIn(row.text("answer"));
    if (right === undefined) throw row.wrong("answer", `text with a number behind ${MARK}`);
    return {
      id: row.name("id"),
      task: "maths",
      turns: [row.text("question")],
      grade: (answer) => numberIn(answer) === right,
    };
  },
};

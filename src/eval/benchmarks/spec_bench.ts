/**
 * Spec-Bench: six tasks for speculative decoding.
 *
 * @module
 */
import type { Benchmark } from "./benchmark.ts";

/** The categories that are tasks of their own. */
const TASKS = ["translation", "summarization", "qa", "math_reasoning", "rag"];

/** The categories of MT-bench, which are one task together. */
const MULTI_TURN = [
  "writing",
  "roleplay",
  "reasoning",
  "math",
  "coding",
  "extraction",
  "stem",
  "humanities",
];

/** See {@linkcode Benchmark}. */
export const SPEC_BENCH: Benchmark = {
  name: "spec_bench",
  summary: "Spec-Bench: 480 prompts of six tasks, among them conversations",
  data: {
    files: ["spec_bench.jsonl"],
    published: "question.jsonl in data/spec_bench of hemingkx/Spec-Bench on GitHub",
  },
  problem(row) {
    const category = row.text("category");
    if (!TASKS.includes(category) && !MULTI_TURN.includes(category)) {
      throw row.wrong("category", `one of ${[...TASKS, ...MULTI_TURN].join(", ")}`);
    }
    const task = TASKS.includes(category) ? category : "multi-turn";
    return { id: row.name("question_id"), task, turns: row.texts("turns") };
  },
};

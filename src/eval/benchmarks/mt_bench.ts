/**
 * MT-bench: conversations of two turns.
 *
 * @module
 */
import type { Benchmark } from "./benchmark.ts";

/** See {@linkcode Benchmark}. */
export const MT_BENCH: Benchmark = {
  name: "mt_bench",
  summary: "MT-bench: 80 conversations of two turns in eight categories",
  data: {
    files: ["mt_bench.jsonl"],
    published: "question.jsonl in fastchat/llm_judge/data/mt_bench of lm-sys/FastChat on GitHub",
  },
  problem: (row) => ({
    id: row.name("question_id"),
    task: row.text("category"),
    turns: row.texts("turns"),
  }),
};

/**
 * A user's own prompts.
 *
 * @module
 */
import type { Benchmark } from "./benchmark.ts";

/**
 * A file of rows with `prompt`, or `turns` for a conversation, and where need be `id` (the line's number where absent) and
 * `category` (`prompts` where absent).
 */
export const OWN: Benchmark = {
  name: "FILE",
  summary: 'Prompts of your own: a file of JSON objects, one a line, with "prompt" or "turns"',
  problem: (row) => ({
    id: row.name("id"),
    task: row.has("category") ? row.text("category") : "prompts",
    turns: row.has("turns") ? row.texts("turns") : [row.text("prompt")],
  }),
};

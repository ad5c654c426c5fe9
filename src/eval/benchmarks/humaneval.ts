/**
 * HumanEval: Python functions to complete, judged by running their tests.
 *
 * @module
 */
import type { Benchmark } from "./benchmark.ts";

/** A block of code in Markdown; one that was cut off has no end. */
const BLOCK = /```[^\n]*\n([^]*?)(?:```|$)/g;

/** A function to complete. */
export interface Task {
  /** Imports, helpers, the function's first line and its description. */
  readonly prompt: string;
  /** The function's name. */
  readonly entry: string;
  /** Code with a function `check` that takes the function. */
  readonly test: string;
}

/**
 * The program that tests an answer. Of its blocks of code the first with the function counts, else the first, else the
 * whole answer. What has the function stands behind all that the prompt has before it, what has not goes on where the
 * prompt ends.
 */
export function testProgram({ prompt, entry, test }: Task, answer: string): string {
  const defined = new RegExp(`^def ${entry}\\b`, "m");
  const blocks = [...answer.matchAll(BLOCK)].map(([, code]) => code);
  const code = blocks.find((block) => defined.test(block)) ?? blocks[0] ?? answer;
  const before = defined.test(code) ? prompt.slice(0, prompt.search(defined)) : prompt;
  return `${before}${code}\n\n${test}\n\ncheck(${entry})\n`;
}

/** See {@linkcode Benchmark}. */
export const HUMANEVAL: Benchmark = {
  name: "humaneval",
  summary: "HumanEval: 164 Python functions, judged by their tests where code may be run",
  data: {
    files: ["HumanEval.jsonl.gz", "HumanEval.jsonl"],
    published: "HumanEval.jsonl.gz in data of openai/human-eval on GitHub",
  },
  measure: { name: "pass@1", runsCode: true },
  problem(row) {
    const prompt = row.text("prompt");
    const entry = row.text("entry_point");
    if (!/^[A-Za-z_]\w*$/.test(entry)) throw row.wrong("entry_point", "the name of a function");
    if (!new RegExp(`^def ${entry}\\b`, "m").test(prompt)) {
      throw row.wrong("prompt", `code with "def ${entry}"`);
    }
    const task = { prompt, entry, test: row.text("test") };
    return {
      id: row.name("task_id"),
      task: "code",
      turns: [
        "Complete this Python function. Answer with the whole function in one block of code.\n\n" +
        `\`\`\`python\n${prompt.trimEnd()}\n\`\`\``,
      ],
      grade: (answer, code) => code!.passes(testProgram(task, answer)),
    };
  },
};

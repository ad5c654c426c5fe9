/**
 * Benchmarks made up for tests, in the formats of the published ones.
 *
 * @module
 */
import { gzipSync } from "node:zlib";

const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

const GSM8K = [
  {
    question: "Mia has 4 pens and buys 3. How many pens has she?",
    answer: "4 + 3 = <<4+3=7>>7\n#### 7",
  },
  {
    question: "A box holds 12 eggs. How many do 100 boxes hold?",
    answer: "12 * 100 = 1200\n#### 1,200",
  },
  { question: "Leo had 9 cards and lost 2. How many are left?", answer: "9 - 2 = 7\n#### 7" },
];

const MT_BENCH = [
  {
    question_id: 1,
    category: "writing",
    turns: ["Write a line about rain.", "Make it shorter."],
  },
  { question_id: 2, category: "math", turns: ["What is 3 times 7?", "And twice that?"] },
];

const SPEC_BENCH = [
  { question_id: 1, category: "writing", turns: ["Name a colour.", "Name another one."] },
  { question_id: 2, category: "coding", turns: ["Write a loop.", "Now without a loop."] },
  { question_id: 81, category: "translation", turns: ["Translate to German: The sun is up."] },
  { question_id: 161, category: "qa", turns: ["How many legs has a spider?"] },
  { question_id: 162, category: "qa", turns: ["How many days has a week?"] },
];

const HUMANEVAL = [
  {
    task_id: "Made/0",
    prompt: 'import math\n\n\ndef doubled(x: int) -> int:\n    """Give twice x.\n    """\n',
    entry_point: "doubled",
    canonical_solution: "    return 2 * x\n",
    test: "def check(candidate):\n    assert candidate(3) == 6\n    assert candidate(-1) == -2\n",
  },
  {
    task_id: "Made/1",
    prompt: 'def shout(text: str) -> str:\n    """Give text in capitals.\n    """\n',
    entry_point: "shout",
    canonical_solution: "    return text.upper()\n",
    test: 'def check(candidate):\n    assert candidate("a") == "A"\n',
  },
];

/** Writes all four to the directory `dir`, under the names that `eval` looks for; returns `dir`. */
export function writeBenchmarks(dir: string): string {
  Deno.mkdirSync(dir, { recursive: true });
  const files = { gsm8k_test: GSM8K, mt_bench: MT_BENCH, spec_bench: SPEC_BENCH };
  for (const [name, rows] of Object.entries(files)) {
    Deno.writeTextFileSync(`${dir}/${name}.jsonl`, lines(rows));
  }
  Deno.writeFileSync(`${dir}/HumanEval.jsonl.gz`, gzipSync(lines(HUMANEVAL)));
  return dir;
}

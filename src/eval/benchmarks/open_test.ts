import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ArgumentError, SpecMQuantError } from "../../base/errors.ts";
import { writeBenchmarks } from "../../../tests/cli/eval_data.ts";
import type { Problem } from "./benchmark.ts";
import { limited, openBenchmark } from "./open.ts";
import { BENCHMARKS } from "./registry.ts";

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const data = writeBenchmarks(`${root}/data`);

const facts = (problems: readonly Problem[]) =>
  problems.map(({ id, task, turns }) => [id, task, turns.length]);

Deno.test("openBenchmark: each of the formats, by its tasks and turns", async () => {
  const found: Record<string, unknown> = {};
  for (const { name } of BENCHMARKS) {
    found[name] = facts((await openBenchmark(name, data)).problems);
  }
  assertEquals(found, {
    gsm8k: [["1", "maths", 1], ["2", "maths", 1], ["3", "maths", 1]],
    mt_bench: [["1", "writing", 2], ["2", "math", 2]],
    spec_bench: [
      ["1", "multi-turn", 2],
      ["2", "multi-turn", 2],
      ["81", "translation", 1],
      ["161", "qa", 1],
      ["162", "qa", 1],
    ],
    humaneval: [["Made/0", "code", 1], ["Made/1", "code", 1]],
  });
});

Deno.test("openBenchmark: answers to GSM8K are judged by their number", async () => {
  const { problems: [, second] } = await openBenchmark("gsm8k", data);
  assertEquals(
    [second.grade!("It is 1200 eggs.", undefined), second.grade!("12", undefined)],
    [true, false],
  );
});

Deno.test("openBenchmark: a file of prompts, with ids and categories where it has them", async () => {
  const file = `${root}/own.jsonl`;
  Deno.writeTextFileSync(
    file,
    '{"prompt": "a"}\n\n{"id": "x", "category": "c", "turns": ["b", "d"]}\n',
  );
  const { name, problems } = await openBenchmark(file);
  assertEquals(name, "own.jsonl");
  assertEquals(facts(problems), [["1", "prompts", 1], ["x", "c", 2]]);
});

Deno.test("openBenchmark: data that is missing is named, with where it is published", async () => {
  for (const { name, data } of BENCHMARKS) {
    const error = await assertRejects(() => openBenchmark(name, root), SpecMQuantError);
    assertEquals(error.code, "benchmark_file");
    for (const file of data!.files) assertStringIncludes(error.message, file);
    assertStringIncludes(error.message, data!.published);
    const none = await assertRejects(() => openBenchmark(name), ArgumentError);
    assertEquals(none.argument, "data");
    assertStringIncludes(none.message, data!.published);
  }
  const error = await assertRejects(() => openBenchmark("gsm8", data), ArgumentError);
  assertStringIncludes(error.message, "did you mean gsm8k?");
});

Deno.test("openBenchmark: a file that is none is refused by its line", async () => {
  const cases: [bench: string, file: string, text: string | Uint8Array, words: string][] = [
    ["gsm8k", "gsm8k_test.jsonl", '{"question": "a", "answer": "#### 1"}\n{', "line 2 is not JSON"],
    ["gsm8k", "gsm8k_test.jsonl", '{"question": "a"}', "line 1 has no answer, expected text"],
    ["gsm8k", "gsm8k_test.jsonl", '{"question": "a", "answer": "b"}', "with a number behind ####"],
    ["gsm8k", "gsm8k_test.jsonl", "[]", "expected an object"],
    ["gsm8k", "gsm8k_test.jsonl", "\n", "it is empty"],
    ["gsm8k", "gsm8k_test.jsonl", Uint8Array.of(0x7b, 0xff), "not UTF-8"],
    ["mt_bench", "mt_bench.jsonl", '{"category": "a", "turns": []}', "expected a list of texts"],
    ["mt_bench", "mt_bench.jsonl", '{"category": "a", "turns": ["b", 5]}', "a list of texts"],
    ["spec_bench", "spec_bench.jsonl", '{"category": "x", "turns": ["b"]}', "one of translation"],
    ["humaneval", "HumanEval.jsonl.gz", Uint8Array.of(0x1f, 0x8b, 8, 0), "gzip data is damaged"],
    [
      "humaneval",
      "HumanEval.jsonl",
      '{"task_id": "a", "prompt": "x", "entry_point": "f", "test": "t"}',
      'expected code with "def f"',
    ],
  ];
  for (const [i, [bench, file, content, words]] of cases.entries()) {
    const dir = `${root}/bad-${i}`;
    Deno.mkdirSync(dir);
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    Deno.writeFileSync(`${dir}/${file}`, bytes);
    const error = await assertRejects(() => openBenchmark(bench, dir), SpecMQuantError);
    assertEquals(error.code, "benchmark_file");
    assertStringIncludes(error.message, `${dir}/${file}`);
    assertStringIncludes(error.message, words);
  }
  const twice = `${root}/twice.jsonl`;
  Deno.writeTextFileSync(twice, '{"id": 5, "prompt": "a"}\n{"id": "5", "prompt": "b"}');
  await assertRejects(() => openBenchmark(twice), SpecMQuantError, "two rows are called 5");
});

Deno.test("limited: as many of each task, and more of the same with a larger limit", () => {
  const problems = [..."aaaabbc"].map((task, i): Problem => ({ id: `${i}`, task, turns: ["x"] }));
  const taken = (limit?: number) => limited(problems, limit).map(({ id }) => id).join("");
  assertEquals([1, 2, 3, 4, 5, 6].map(taken), ["0", "04", "046", "0146", "01456", "012456"]);
  assertEquals([taken(), taken(100)], ["0123456", "0123456"]);
});

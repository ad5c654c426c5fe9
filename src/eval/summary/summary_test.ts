import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Problem } from "../benchmarks/benchmark.ts";
import { answer, planOf } from "../fixtures_test.ts";
import { AnswerFile } from "../runs/answer_file.ts";
import type { EvalPlan } from "../runs/plan.ts";
import { RUN_SCHEMA, type RunSettings } from "../runs/settings.ts";
import { gradeAll, type Grades } from "./grades.ts";
import { answersOf, summarize } from "./summary.ts";

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
let count = 0;

const SETTINGS = { schema: RUN_SCHEMA, date: "2026-01-01T00:00:00.000Z" } as RunSettings;

function summed(plan: EvalPlan, answers: ReturnType<typeof answer>[], grades?: Grades) {
  using file = new AnswerFile(`${root}/${count++}.jsonl`);
  for (const one of answers) file.append(one);
  return summarize(plan, file, SETTINGS, grades ?? (() => undefined));
}

const PROBLEMS: Problem[] = [
  { id: "1", task: "a", turns: ["x"] },
  { id: "2", task: "a", turns: ["x"] },
  { id: "3", task: "b", turns: ["x"] },
];

Deno.test("summarize: all tokens over all time, beside plain decoding, by task and in all", () => {
  const plan = planOf(PROBLEMS, ["ar", "suffix"]);
  const plain = PROBLEMS.map(({ id, task }) =>
    answer({ problem: id, task, tokens: [1, 2, 3, 4], prefillMs: 100, decodeMs: 400 })
  );
  const drafted = [
    { problem: "1", task: "a", decodeMs: 100, lengths: [3, 2] },
    { problem: "2", task: "a", decodeMs: 300, lengths: [1, 1, 2], tokens: [1, 2, 3, 9] },
    { problem: "3", task: "b", decodeMs: 200, lengths: [4], left: 2 },
  ].map((facts) => answer({ method: "suffix", tokens: [1, 2, 3, 4], prefillMs: 150, ...facts }));
  const { targets: [{ methods: [ar, suffix] }], device, measure } = summed(plan, [
    ...plain,
    ...drafted,
  ]);
  assertEquals([device, measure], ["cpu: made up", null]);
  assertEquals(ar.all.decode.tokensPerSecond, 10);
  assertEquals(ar.all.whole.tokensPerSecond, 8);
  assertEquals([ar.all.decode.speedup, ar.all.decode.speedupInterval], [1, [1, 1]]);
  const { all, tasks: [a, b] } = suffix;
  assertEquals([all.task, a.task, b.task], [null, "a", "b"]);
  assertEquals([all.problems, a.problems, all.answers, all.tokens, all.left], [3, 2, 3, 12, 2]);
  assertEquals([all.decode.tokensPerSecond, all.decode.speedup], [20, 2]);
  assertAlmostEquals(all.whole.speedup!, 1500 / 1050);
  assertEquals([a.decode.speedup, b.decode.speedup], [2, 2]);
  assertEquals([a.prefillMs, a.decodeMs], [150, 200]);
  assertEquals([all.tau, a.tau, b.tau], [13 / 6, 9 / 5, 4]);
  assertEquals(all.acceptLengths, [0, 2, 2, 1, 1]);
  assertEquals([ar.all.same, all.same, a.same, b.same], [3, 2, 1, 1]);
  // Draws lie between the fastest problem and the slowest.
  const [low, high] = all.decode.speedupInterval!;
  assert(low >= 4 / 3 && low < 2 && high > 2 && high <= 4, `${low} to ${high}`);
  assertEquals(b.decode.speedupInterval, null);
  assertEquals(all.quality, null);
});

Deno.test("summarize: seeds are answers of their own, compared with plain ones of the same seed", () => {
  const plan = planOf([PROBLEMS[0]], ["ar", "suffix"], ["t"], [4, 5]);
  const made = (method: string, seed: number, tokens: number[]) =>
    answer({ method, seed, tokens, task: "a" });
  const { targets: [{ methods: [, { all }] }] } = summed(plan, [
    made("ar", 4, [1]),
    made("ar", 5, [2]),
    made("suffix", 4, [1]),
    made("suffix", 5, [1]),
  ]);
  assertEquals([all.problems, all.answers, all.same], [1, 2, 1]);
});

Deno.test("summarize: without plain decoding there is nothing to compare with", () => {
  const plan = planOf([PROBLEMS[0]], ["suffix"]);
  const { targets: [{ methods: [{ all }] }] } = summed(plan, [
    answer({ method: "suffix", task: "a" }),
  ]);
  assertEquals([all.decode.speedup, all.whole.speedup, all.same], [null, null, null]);
  assertEquals(all.decode.tokensPerSecond, 100);
});

Deno.test("gradeAll: equal texts are judged once, and what was not asked is wrong", async () => {
  const judged: string[] = [];
  const grade = (text: string) => {
    judged.push(text);
    return text === "right";
  };
  const problems = PROBLEMS.map((problem) => ({ ...problem, grade }));
  const base = planOf(problems, ["ar", "suffix"]);
  const benchmark = { ...base.bench.benchmark, measure: { name: "exact match", runsCode: false } };
  const plan = { ...base, bench: { ...base.bench, benchmark } };
  const texts = ["right", "wrong", "right"];
  const answers = ["ar", "suffix"].flatMap((method) =>
    problems.map(({ id, task }, i) =>
      answer({ method, problem: id, task, text: texts[i], left: i === 2 ? 1 : 0 })
    )
  );
  using file = new AnswerFile(`${root}/graded.jsonl`);
  for (const one of answers) file.append(one);
  const grades = await gradeAll(plan, answersOf(plan, file), { progress: () => {} });
  assertEquals(judged, ["right", "wrong"]);
  const { measure, targets: [{ methods }] } = summarize(plan, file, SETTINGS, grades);
  assertEquals(measure, "exact match");
  assertEquals(methods.map(({ all }) => all.quality!.share), [1 / 3, 1 / 3]);
  const ofCode = {
    ...plan,
    bench: {
      ...plan.bench,
      benchmark: { ...benchmark, measure: { name: "pass@1", runsCode: true } },
    },
  };
  const none = await gradeAll(ofCode, answers, { progress: () => {} });
  assertEquals(none(answers[0]), undefined);
});

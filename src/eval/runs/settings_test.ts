import { assertEquals, assertRejects } from "@std/assert";
import { SpecMQuantError } from "../../base/errors.ts";
import { planOf } from "../fixtures_test.ts";
import type { EvalPlan, PlannedSet } from "./plan.ts";
import { settle } from "./settings.ts";

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

function model(name: string): string {
  Deno.mkdirSync(`${root}/${name}`);
  Deno.writeTextFileSync(`${root}/${name}/config.json`, "{}");
  return `${root}/${name}`;
}

const [target, other, head] = ["target", "other", "head"].map(model);
const PROBLEMS = [{ id: "1", task: "a", turns: ["x"] }];
const SET: PlannedSet = { name: "t", target, heads: {}, choice: { topK: 4 }, seeds: [0] };
const PLAN: EvalPlan = { ...planOf(PROBLEMS, ["ar"]), sets: [SET] };

let count = 0;
function place(): string {
  const dir = `${root}/out-${count++}`;
  Deno.mkdirSync(dir);
  return dir;
}

Deno.test("settle: methods, prompts, seeds, drafters and targets may be added", async () => {
  const out = place();
  const first = await settle(out, PLAN);
  const more: EvalPlan = {
    ...planOf([...PROBLEMS, { id: "2", task: "a", turns: ["y"] }], ["ar", "eagle2"]),
    sets: [
      { ...SET, heads: { eagle2: head }, seeds: [0, 1] },
      { ...SET, name: "u", target: other },
    ],
  };
  const second = await settle(out, more);
  assertEquals(second.date, first.date);
  assertEquals(second.targets.map(({ name }) => name), ["t", "u"]);
  // Asking for less again forgets nothing.
  assertEquals(await settle(out, PLAN), {
    ...second,
    targets: [
      { ...second.targets[0], models: second.targets[0].models.toReversed() },
      second.targets[1],
    ],
  });
  assertEquals(JSON.parse(Deno.readTextFileSync(`${out}/run.json`)).max_tokens, 8);
});

Deno.test("settle: what decides answers may not change", async () => {
  const out = place();
  await settle(out, PLAN);
  const changed: [plan: Partial<EvalPlan>, words: string][] = [
    [{ maxTokens: 9 }, "--max-tokens is 9, and was 8"],
    [{ engine: { context: 99 } }, "--context is 99, and was null"],
    [{ engine: { kvCache: "int8" } }, '--kv-cache is "int8", and was "f16"'],
    [{ bench: { ...PLAN.bench, name: "gsm8k" } }, 'the benchmark is "gsm8k", and was "made"'],
    [{ bench: { ...PLAN.bench, sha256: "1" } }, "the SHA-256 of the benchmark's file"],
    [{ sets: [{ ...SET, choice: { topK: 5 } }] }, "how t chooses tokens"],
    [{ sets: [{ ...SET, target: other }] }, "the target of t"],
  ];
  const before = Deno.readTextFileSync(`${out}/run.json`);
  for (const [change, words] of changed) {
    const error = await assertRejects(
      () => settle(out, { ...PLAN, ...change }),
      SpecMQuantError,
      words,
    );
    assertEquals(error.code, "eval_run");
    assertEquals(Deno.readTextFileSync(`${out}/run.json`), before);
  }
  Deno.writeTextFileSync(`${target}/config.json`, '{"other": true}');
  await assertRejects(() => settle(out, PLAN), SpecMQuantError, "the state of the files in");
  Deno.writeTextFileSync(`${out}/run.json`, '{"schema": "x"}');
  await assertRejects(() => settle(out, PLAN), SpecMQuantError, 'its schema is "x"');
  Deno.writeTextFileSync(`${out}/run.json`, "{");
  await assertRejects(() => settle(out, PLAN), SpecMQuantError, "it is not JSON");
});

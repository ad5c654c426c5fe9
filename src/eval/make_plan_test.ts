import { assertEquals, assertRejects } from "@std/assert";
import { ArgumentError, SpecMQuantError } from "../base/errors.ts";
import { SMALL } from "../../tests/models.ts";
import { makeModel, VOCAB } from "../../tests/whole_models.ts";
import { type EvalRequest, makePlan } from "./make_plan.ts";

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const prompts = `${root}/prompts.jsonl`;
Deno.writeTextFileSync(prompts, '{"prompt": "a"}\n{"prompt": "b"}\n{"prompt": "c"}\n');

function model(name: string, generation: object): string {
  const dir = makeModel(`${root}/${name}`, { ...SMALL, vocab: VOCAB });
  Deno.writeTextFileSync(`${dir}/generation_config.json`, JSON.stringify(generation));
  return dir;
}

const sampled = model("sampled", { do_sample: true, temperature: 0.6, top_p: 0.9, top_k: 20 });
const greedy = model("greedy", { do_sample: false });

const REQUEST: EvalRequest = {
  bench: prompts,
  models: { target: sampled },
  maxTokens: 4,
  choice: {},
  asModel: false,
  seeds: 1,
  engine: { backend: "cpu" },
};

Deno.test("makePlan: greedy text has no seed, sampled text those from the first on", async () => {
  const chosen = async (change: Partial<EvalRequest>) => {
    const { sets: [{ choice, seeds }] } = await makePlan({ ...REQUEST, ...change });
    return [choice, seeds];
  };
  assertEquals(await chosen({}), [{}, [null]]);
  assertEquals(await chosen({ choice: { seed: 5 } }), [{}, [null]]);
  const own = { temperature: 0.6, topK: 20, topP: 0.9 };
  assertEquals(await chosen({ asModel: true, seeds: 2 }), [own, [0, 1]]);
  const asked = { temperature: 0.8, seed: 9 };
  assertEquals(await chosen({ choice: asked, seeds: 3 }), [{ temperature: 0.8 }, [9, 10, 11]]);
  assertEquals(await chosen({ choice: asked, asModel: true }), [
    { ...own, temperature: 0.8 },
    [9],
  ]);
});

Deno.test("makePlan: each target chooses as it asks to, and seeds need sampled text of all", async () => {
  const targets = new Map([["s", sampled], ["g", greedy]]);
  const both: EvalRequest = { ...REQUEST, models: { targets }, asModel: true, limit: 2 };
  const plan = await makePlan(both);
  assertEquals(plan.sets.map(({ name, seeds }) => [name, seeds]), [["s", [0]], ["g", [null]]]);
  assertEquals(plan.problems.map(({ id }) => id), ["1", "2"]);
  assertEquals(plan.methods.map(({ name }) => name), ["ar", "suffix"]);
  const many = makePlan({ ...both, seeds: 2 });
  assertEquals(
    (await assertRejects(() => many, ArgumentError, "the text of g is greedy")).argument,
    "seeds",
  );
  const says = model("nothing", {});
  const none = makePlan({ ...REQUEST, models: { target: says }, asModel: true });
  assertEquals((await assertRejects(() => none, SpecMQuantError)).code, "sampling");
});

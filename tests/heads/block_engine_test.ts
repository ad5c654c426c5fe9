/**
 * Block drafters from directories: the method follows from what a head is, and the text is that of plain decoding.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DEMO_DIR } from "../../scripts/models/trio.ts";
import { describeDirectory } from "../../src/cli/commands/describe.ts";
import { Engine, type EngineOptions, methodOf } from "../../src/engine/mod.ts";
import { writeBlockOf } from "../models.ts";
import { tensorsOf } from "../rewrite.ts";

const [TARGET, DRAFT, EAGLE2] = ["target", "draft", "target-eagle2"].map((name) =>
  `${DEMO_DIR}/${name}`
);

async function withHeads(
  layout: string,
  body: (ofTarget: string, ofDraft: string) => Promise<void> | void,
): Promise<void> {
  const dir = Deno.makeTempDirSync();
  try {
    const [target, draft] = [`${dir}/target`, `${dir}/draft`];
    await body(writeBlockOf(target, TARGET, layout), writeBlockOf(draft, DRAFT, layout));
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

async function say(options: Omit<EngineOptions, "target">) {
  using engine = await Engine.load({ target: TARGET, backend: "cpu", context: 128, ...options });
  const { tokens, stats } = await engine.generate("Question: What is 2 + 3?\nAnswer:", {
    maxTokens: 24,
    ignoreEos: true,
    temperature: 1,
    seed: 3,
  }).finish();
  return { method: engine.method, tokens, levels: stats.levels.length };
}

for (const [layout, method] of [["z-lab", "dflash"], ["DeepSpec", "dspark"]] as const) {
  Deno.test(`an engine takes the method of its head, and says what plain decoding says: ${method}`, () =>
    withHeads(layout, async (ofTarget, ofDraft) => {
      const { tokens } = await say({});
      assertEquals(await say({ head: ofTarget }), { method: "auto", tokens, levels: 1 });
      const all = { draft: DRAFT, head: ofDraft, targetHead: ofTarget };
      assertEquals(await say(all), { method: "auto", tokens, levels: 2 });
      // The shape that it has by itself, a chain, and a tree.
      assertEquals(await say({ head: ofTarget, method }), { method, tokens, levels: 1 });
      const tree = { depth: 3, topk: 4, treeSize: 10 };
      assertEquals(await say({ head: ofTarget, method, ...tree }), { method, tokens, levels: 1 });
      const hier = await say({ draft: DRAFT, head: ofDraft, method: "hier", minDraft: 2 });
      assertEquals(hier, { method: "hier", tokens, levels: 2 });
    }));

  Deno.test(`a head is described: ${method}`, () =>
    withHeads(layout, (ofTarget) => {
      const { kind, family, parameters, memory, unused } = describeDirectory(ofTarget, undefined);
      assertEquals([kind, family], ["head", method]);
      const stored = [...tensorsOf(ofTarget)]
        .filter(([, { dtype }]) => dtype === "f16")
        .reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0);
      assertEquals(parameters, stored);
      assert(memory.total > 2 * stored);
      assertEquals(unused.filter(({ matters }) => matters), []);
    }));
}

Deno.test("a block drafter of another method's, or asked for more than its block, is refused by name", () =>
  withHeads("z-lab", async (ofTarget, ofDraft) => {
    assertEquals(methodOf({ target: TARGET, head: ofTarget }), "auto");
    assertEquals(methodOf({ target: TARGET, head: ofTarget, method: "dflash" }), "dflash");
    for (
      const [options, words] of [
        [{ head: ofTarget, method: "dspark" }, "is of kind dflash, expected a DSpark head"],
        [{ head: EAGLE2, method: "dflash" }, "is of kind eagle2, expected a DFlash head"],
        [{ method: "dspark" }, "expected the path of a DSpark head of the target"],
        [{ head: ofDraft }, "its hidden size is"],
        [{ head: ofTarget, depth: 8, treeSize: 9 }, "depth is 8, expected at most 7"],
      ] as const
    ) {
      const load = () => Engine.load({ target: TARGET, backend: "cpu", ...options });
      const error = await assertRejects(load);
      assertStringIncludes(`${error}`, words);
    }
  }));

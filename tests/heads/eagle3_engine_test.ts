/**
 * EAGLE-3 heads from directories: the method follows from what a head is, and the text is that of plain decoding.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DEMO_DIR } from "../../scripts/models/trio.ts";
import { describeDirectory } from "../../src/cli/commands/describe.ts";
import { Engine, type EngineOptions, methodOf } from "../../src/engine/mod.ts";
import { writeEagle3Of } from "../models.ts";
import { tensorsOf } from "../rewrite.ts";

const [TARGET, DRAFT, EAGLE2] = ["target", "draft", "target-eagle2"].map((name) =>
  `${DEMO_DIR}/${name}`
);
async function withHeads(
  body: (ofTarget: string, ofDraft: string) => Promise<void>,
): Promise<void> {
  const dir = Deno.makeTempDirSync();
  try {
    await body(writeEagle3Of(`${dir}/target`, TARGET), writeEagle3Of(`${dir}/draft`, DRAFT));
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("an engine takes the method of its head, and says what plain decoding says", () =>
  withHeads(async (ofTarget, ofDraft) => {
    const shape = { depth: 3, topk: 4, treeSize: 10 };
    const say = async (options: Omit<EngineOptions, "target">) => {
      using engine = await Engine.load({
        target: TARGET,
        backend: "cpu",
        context: 128,
        ...options,
      });
      const { tokens, stats } = await engine.generate("Question: What is 2 + 3?\nAnswer:", {
        maxTokens: 24,
        ignoreEos: true,
        temperature: 1,
        seed: 3,
      }).finish();
      return { method: engine.method, tokens, levels: stats.levels.length };
    };
    const { tokens } = await say({});
    assertEquals(await say({ head: ofTarget }), { method: "auto", tokens, levels: 1 });
    const alone = await say({ head: ofTarget, method: "eagle3", ...shape });
    assertEquals(alone, { method: "eagle3", tokens, levels: 1 });
    const hier = await say({ draft: DRAFT, head: ofDraft, method: "hier", minDraft: 2, ...shape });
    assertEquals(hier, { method: "hier", tokens, levels: 2 });
  }));

Deno.test("a head of another family than the method's is refused by both names", () =>
  withHeads(async (ofTarget, ofDraft) => {
    assertEquals(methodOf({ target: TARGET, head: ofTarget }), "auto");
    assertEquals(methodOf({ target: TARGET, head: EAGLE2, method: "eagle2" }), "eagle2");
    for (
      const [options, words] of [
        [{ head: ofTarget, method: "eagle2" }, "is of kind eagle3, expected an EAGLE-2 head"],
        [{ head: EAGLE2, method: "eagle3" }, "is of kind eagle2, expected an EAGLE-3 head"],
        [{ method: "eagle3" }, "expected the path of an EAGLE-3 head of the target"],
        [{ head: ofDraft }, "its hidden size is"],
        [{ draft: DRAFT, head: ofDraft, inner: "eagle2" }, "Cannot use inner eagle2"],
      ] as const
    ) {
      const load = () => Engine.load({ target: TARGET, backend: "cpu", ...options });
      const error = await assertRejects(load);
      assertStringIncludes(`${error}`, words);
    }
  }));

Deno.test("an EAGLE-3 head is described: its family, its parameters, its memory", () =>
  withHeads((ofTarget) => {
    const { kind, family, parameters, memory, unused } = describeDirectory(ofTarget, undefined);
    assertEquals([kind, family], ["head", "eagle3"]);
    const stored = [...tensorsOf(ofTarget).values()].filter(({ dtype }) => dtype === "f16")
      .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    assertEquals(parameters, stored);
    assert(memory.total > 2 * stored);
    assertEquals(unused.filter(({ matters }) => matters), []);
    return Promise.resolve();
  }));

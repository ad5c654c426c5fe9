import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { ArgumentError, CheckpointError, SpecMQuantError } from "../base/errors.ts";
import { SMALL, writeRandomHead, writeRandomModel } from "../../tests/models.ts";
import { DRAFT, DRAFT_HEAD, TARGET, TARGET_HEAD, withDir } from "./fixtures_test.ts";
import { Engine } from "./engine.ts";
import type { EngineOptions } from "./options.ts";

/** Loads, expects a refusal, and returns it. */
async function refusal(options: EngineOptions): Promise<SpecMQuantError> {
  const error = await assertRejects(() => Engine.load({ backend: "cpu", ...options }));
  assertInstanceOf(error, SpecMQuantError);
  return error;
}

Deno.test("an engine refuses models that do not fit together, and names them", () =>
  withDir(async (dir) => {
    const draft = writeRandomModel(`${dir}/draft`, SMALL);
    assertStringIncludes(
      (await refusal({ target: TARGET, draft })).message,
      "its vocabulary has 160 entries, expected 3072",
    );
    const wide = await refusal({ target: TARGET, head: DRAFT_HEAD });
    assertInstanceOf(wide, CheckpointError);
    assertStringIncludes(wide.message, "its hidden size is 256, expected 384");
    const head = writeRandomHead(`${dir}/head`, { ...SMALL, hidden: 384 });
    assertStringIncludes((await refusal({ target: TARGET, head })).message, "160 entries");
    assertStringIncludes((await refusal({ target: draft })).message, "tokenizer.json");
    assertStringIncludes((await refusal({ target: `${dir}/none` })).message, `${dir}/none`);
  }));

Deno.test("an engine says which of its directories is wrong, and where it belongs", () =>
  withDir(async (dir) => {
    const refused = async (options: EngineOptions, role: string, message: string) => {
      const error = await refusal(options);
      assertEquals(error.role, role);
      assert(error.message.startsWith(`${role}: Cannot `), error.message);
      assertStringIncludes(error.message, message);
    };
    const none = `${dir}/none`;
    await refused({ target: none }, "target", "it does not exist");
    await refused({ target: TARGET, draft: none }, "draft", "it does not exist");
    await refused({ target: TARGET, head: none }, "head", "it does not exist");
    await refused(
      { target: TARGET, draft: "org/name" },
      "draft",
      "name of a model on Hugging Face",
    );
    const isHead = "it holds a draft head";
    await refused({ target: DRAFT_HEAD }, "target", isHead);
    await refused({ target: TARGET, draft: TARGET_HEAD }, "draft", isHead);
    await refused({ target: TARGET, head: DRAFT }, "head", "it holds a complete model");
    await refused({ target: TARGET, draft: DRAFT, head: TARGET_HEAD }, "head", "hidden size");
    const draft = writeRandomModel(`${dir}/draft`, { ...SMALL, vocab: 3072 });
    const json = JSON.parse(Deno.readTextFileSync(`${TARGET}/tokenizer.json`));
    const [a, b] = Object.keys(json.model.vocab).slice(-2);
    const { [a]: x, [b]: y } = json.model.vocab;
    Object.assign(json.model.vocab, { [a]: y, [b]: x });
    Deno.writeTextFileSync(`${draft}/tokenizer.json`, JSON.stringify(json));
    await refused({ target: TARGET, draft }, "draft", "needs the tokenizer of its target");
  }));

Deno.test("an engine refuses options out of range, and names them", async () => {
  const all = { target: TARGET, draft: DRAFT, head: DRAFT_HEAD, method: "hier" } as const;
  const refused = async (options: EngineOptions, argument: string, message: string) => {
    const error = await refusal(options);
    assertInstanceOf(error, ArgumentError);
    assertEquals(
      [error.argument, error.message.includes(message)],
      [argument, true],
      error.message,
    );
  };
  await refused({ target: TARGET, method: "hier" }, "draft", "no draft is given");
  await refused({ target: TARGET, draft: DRAFT, method: "hier" }, "head", "path of a head of the");
  await refused({ target: TARGET, inner: "suffix" }, "draft", "no draft is given");
  const both = { target: TARGET, draft: DRAFT, inner: "suffix" } as const;
  await refused({ ...both, method: "draft" }, "inner", "method is draft, expected hier");
  await refused({ ...both, head: DRAFT_HEAD }, "head", "inner is suffix, which has none");
  await refused({ target: TARGET, draft: DRAFT, inner: "eagle2" }, "head", "no head is given");
  await refused({ target: TARGET, method: "suffix", treeSize: 65 }, "treeSize", "1 to 64");
  await refused({ ...all, treeSize: 65 }, "treeSize", "treeSize is 65, expected at most 64");
  await refused({ ...all, depth: 1, topk: 4, treeSize: 9 }, "treeSize", "at most 5");
  await refused({ ...all, depth: 9, topk: 40 }, "depth", "at most 256");
  await refused({ ...all, topk: 0 }, "topk", "topk is 0");
  await refused({ ...all, minDraft: 0 }, "minDraft", "minDraft is 0");
  await refused({ ...all, minDraft: 62 }, "minDraft", "at most 64");
  await refused({ ...all, siblings: 55 }, "siblings", "siblings is 55, expected at most 50");
  await refused({ ...all, targetHead: TARGET_HEAD }, "targetHead", "expected a draft model and");
  const head = { target: TARGET, head: TARGET_HEAD };
  await refused({ ...head, targetHead: TARGET_HEAD }, "targetHead", "no draft is given");
  const auto = { ...all, method: "auto" } as const;
  await refused({ ...auto, treeSize: 65 }, "treeSize", "treeSize is 65, expected at most 64");
  await refused({ ...auto, minDraft: 62 }, "minDraft", "at most 64");
  await refused({ ...all, context: 1 }, "context", "context of 1");
  await refused({ ...all, context: 2049 }, "context", "expected 2 to 2048");
});

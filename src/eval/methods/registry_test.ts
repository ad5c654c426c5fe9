import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ArgumentError } from "../../base/errors.ts";
import { METHODS } from "../../engine/mod.ts";
import { SMALL, writeRandomHead } from "../../../tests/models.ts";
import { type ModelSet, modelSets } from "./models.ts";
import { METHOD_KINDS, methodsFor, parseMethod } from "./registry.ts";

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const ALONE: ModelSet = { name: "alone", target: "T", heads: {} };
const FULL: ModelSet = {
  name: "full",
  target: "T",
  draft: "D",
  heads: { eagle2: "E2", eagle3: "E3", dflash: "DF", dspark: "DS" },
  innerHead: "I",
};

Deno.test("methods: all that engines have, each with the models that it takes", () => {
  assertEquals(METHOD_KINDS.map(({ name }) => name), [...METHODS]);
  assertEquals(METHOD_KINDS.map((kind) => kind.parts(FULL)), [
    { method: "ar" },
    { method: "draft", draft: "D" },
    { method: "suffix" },
    { method: "eagle2", head: "E2" },
    { method: "eagle3", head: "E3" },
    { method: "dflash", head: "DF" },
    { method: "dspark", head: "DS" },
    { method: "hier", draft: "D", head: "I" },
    { method: "auto", draft: "D", head: "I", targetHead: "E2" },
  ]);
  const auto = METHOD_KINDS.at(-1)!;
  assertEquals(auto.parts(ALONE), "a draft model or a head of the target");
  const alone = { ...ALONE, heads: { eagle3: "E3" } };
  assertEquals(auto.parts(alone), { method: "auto", head: "E3" });
});

Deno.test("methodsFor: what all targets have models for, or what is named", () => {
  const names = (sets: ModelSet[], given?: string[]) =>
    methodsFor(sets, given).map(({ name }) => name);
  assertEquals(names([FULL]), [...METHODS]);
  assertEquals(names([FULL, ALONE]), ["ar", "suffix"]);
  assertEquals(names([FULL], ["hier", "ar"]), ["hier", "ar"]);
  const refused: [sets: ModelSet[], given: string[], words: string][] = [
    [[ALONE], ["hier"], "alone has no models for it, expected a draft model and a head of it"],
    [[FULL, ALONE], ["draft"], "alone has no models for it, expected a draft model"],
    [[ALONE], ["eagle3"], "expected an EAGLE-3 head of the target"],
    [[FULL], ["ar", "ar"], "it is given twice"],
    [[FULL], ["eagel2"], "did you mean eagle2?"],
  ];
  for (const [sets, given, words] of refused) {
    const error = assertThrows(() => methodsFor(sets, given), ArgumentError, words);
    assertEquals(error.argument, "methods");
  }
});

Deno.test("parseMethod: settings behind a name", () => {
  const { name, kind, shape } = parseMethod("eagle2:depth=6:tree-size=48");
  assertEquals([name, kind.name], ["eagle2:depth=6:tree-size=48", "eagle2"]);
  assertEquals(shape, { depth: 6, treeSize: 48 });
  for (
    const text of ["eagle2:depth", "eagle2:depth=x", "eagle2:deep=3", "eagle2:", "ar:__proto__=1"]
  ) {
    assertThrows(() => parseMethod(text), ArgumentError, "is no setting, expected min-draft");
  }
});

Deno.test("modelSets: a trio has what is in it, and other targets share what is given", () => {
  const dir = `${root}/trio`;
  for (const name of ["target", "draft", "target-eagle2", "target-dspark", "draft-eagle3"]) {
    Deno.mkdirSync(`${dir}/${name}`, { recursive: true });
  }
  const drafters = {
    draft: `${dir}/draft`,
    heads: { eagle2: `${dir}/target-eagle2`, dspark: `${dir}/target-dspark` },
    innerHead: `${dir}/draft-eagle3`,
  };
  assertEquals(modelSets({ trio: `${dir}/` }), [
    { name: "trio", target: `${dir}/target`, ...drafters },
  ]);
  const targets = new Map([["w4", "other"], ["own", dir]]);
  assertEquals(modelSets({ trio: dir, targets }), [
    { name: "w4", target: "other", ...drafters },
    { name: "own", target: `${dir}/target`, ...drafters },
  ]);
  assertEquals(modelSets({ target: "a/model.gguf", draft: "D" }), [
    { name: "model.gguf", target: "a/model.gguf", draft: "D", heads: {}, innerHead: undefined },
  ]);
  assertThrows(() => modelSets({ trio: root }), ArgumentError, "it has no directory target");
  const idle = assertThrows(() => modelSets({ targets: new Map([["own", dir]]), draft: "D" }));
  assertStringIncludes((idle as Error).message, "all targets are trios");
});

Deno.test("modelSets: heads are known by their files, one of a kind", () => {
  const [one, two] = ["one", "two"].map((name) => writeRandomHead(`${root}/${name}`, SMALL));
  const [{ heads }] = modelSets({ target: "T", heads: [one] });
  assertEquals(heads, { eagle2: one });
  assertThrows(() => modelSets({ target: "T", heads: [one, two] }), ArgumentError, "one of a kind");
});

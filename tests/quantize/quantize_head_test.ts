/**
 * `quantize --head`: quantized heads of every family are near what they were made of, are what `openHead` reads, and drafts go
 * on where they did; and what it refuses.
 */
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { ArgumentError, CheckpointError, UnsupportedModelError } from "../../src/base/errors.ts";
import { DEMO_DIR } from "../../scripts/models/trio.ts";
import { openHead } from "../../src/checkpoint/head.ts";
import { Device } from "../../src/device/mod.ts";
import { HeadModel, Model } from "../../src/model/mod.ts";
import {
  convertHead,
  quantizeCheckpoint,
  quantizeHead,
  type QuantizeHeadOptions,
  trimHead,
} from "../../src/quantize/mod.ts";
import { QUANTIZERS } from "../../src/quantize/quantizers/registry.ts";
import { eagle2 } from "../../src/speculation/mod.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { FAMILIES, type Family, saidBy, SHAPE, writeHead, writeTarget } from "../made_heads.ts";
import { problems } from "../problems.ts";
import { rewrite } from "../rewrite.ts";
import { decode, Decoder } from "../rounds.ts";
import { relativeError, Rig } from "../rig.ts";
import { makeModel, readNames, VOCAB } from "../whole_models.ts";

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

/** The target as it runs: quantized. */
const target = `${root}/target`;
await quantizeCheckpoint({
  model: writeTarget(`${root}/model`),
  out: target,
  scheme: "w4a16-g32",
  method: "rtn",
});
const texts = `${root}/texts.jsonl`;
Deno.writeTextFileSync(
  texts,
  Array.from(
    { length: 12 },
    (_, i) =>
      JSON.stringify({ text: `hello ${"abcdefgh ".repeat(i)} world ${i * i} of hello, ${i}` }),
  ).join("\n"),
);

/** Heads of every family, of a number of tokens that every layout has room for. */
for (const family of FAMILIES) {
  await trimHead({
    head: writeHead(`${root}/whole ${family}`, family),
    target,
    texts,
    keep: 192,
    out: `${root}/${family}`,
  });
}

const device = () => Device.open({ backend: "cpu" });

const quantize = (
  head: string,
  out: string,
  options: Partial<QuantizeHeadOptions> & { scheme: string },
) => quantizeHead({ head, target, out: `${root}/${out}`, calibration: texts, device, ...options });

/** Relative errors of what a head's logits are made of, and of its logits. */
function errorsOf(head: string, of: string, model = target): [hidden: number, logits: number] {
  using opened = device();
  using rig = new Rig(opened);
  using verifier = Model.load(opened, model);
  const [found, expected] = [head, of].map((dir) => {
    using loaded = HeadModel.load(opened, `${root}/${dir}`, verifier);
    return saidBy(rig, loaded);
  });
  return [
    relativeError(found.hidden, expected.hidden),
    relativeError(found.logits, expected.logits),
  ];
}

/**
 * Most relative error of the logits of each scheme by its own method. Random weights make much of small errors; weights in
 * a wrong place give logits that have nothing to do with the head's, an error above 1.
 */
const ERRORS: Readonly<Record<string, number>> = { w8a8: 0.08, fp8: 0.25 };

/** Families that stand for the others where all schemes are tried. */
const SOME: readonly Family[] = ["eagle2", "eagle3", "dspark"];

for (const { scheme } of QUANTIZERS) {
  const families = scheme === "w4a16-g128" ? FAMILIES : SOME;
  for (const family of families) {
    Deno.test(`quantize --head: ${family} in ${scheme} is near what it was made of`, async () => {
      const out = `${family} ${scheme}`;
      const { quantized, calibrationTokens, bytesBefore, bytesAfter } = await quantize(
        `${root}/${family}`,
        out,
        { scheme },
      );
      assert(calibrationTokens > 0);
      assertLess(bytesAfter, bytesBefore);
      const [hidden, logits] = errorsOf(out, family);
      assertLess(hidden, ERRORS[scheme] ?? 0.6, "hidden");
      assertLess(logits, ERRORS[scheme] ?? 0.6, "logits");
      using head = openHead(`${root}/${out}`);
      using before = openHead(`${root}/${family}`);
      assertEquals(head.config, before.config);
      using opened = device();
      using verifier = Model.load(opened, target);
      using loaded = HeadModel.load(opened, head, verifier);
      const { layers, unused } = loaded.summary;
      assertEquals(layers.length, quantized);
      assertEquals(layers.filter((layer) => layer.scheme !== scheme), []);
      assertEquals(unused.filter(({ matters }) => matters), []);
    });
  }
}

Deno.test("quantize --head: methods that look at the head's states do better there", async () => {
  const errors: Record<string, number> = {};
  for (const method of ["rtn", "clip", "gptq", "smooth", "smooth-gptq"]) {
    const options = method === "rtn" ? { calibration: undefined } : {};
    await quantize(`${root}/eagle3`, `by ${method}`, { scheme: "w4a16-g128", method, ...options });
    [, errors[method]] = errorsOf(`by ${method}`, "eagle3");
  }
  // Random states are not those of the text: no method may be far behind, and none may be the same as another.
  for (const [method, error] of Object.entries(errors)) {
    assertLess(error, 1.5 * errors.rtn, method);
  }
  assertEquals(new Set(Object.values(errors)).size, 5);
});

Deno.test("quantize --head: a head without an output projection gets one, and keeps none where it is told so", async () => {
  const whole = `${root}/whole eagle2`;
  const scheme = "w4a16-g128";
  await quantize(whole, "own", { scheme });
  await quantize(whole, "the target's", { scheme, lmHead: "f16" });
  await quantize(whole, "8 bits", { scheme, lmHead: "w8a16" });
  using opened = device();
  using verifier = Model.load(opened, target);
  const schemes = ["own", "the target's", "8 bits"].map((name) => {
    using head = HeadModel.load(opened, `${root}/${name}`, verifier);
    assertEquals(head.vocabulary, VOCAB);
    assertEquals(head.map, undefined);
    return head.summary.layers.filter(({ prefix }) => prefix === "lm_head")
      .map((layer) => layer.scheme);
  });
  assertEquals(schemes, [[scheme], [], ["w8a16"]]);
  const [own, , eight] = ["own", "the target's", "8 bits"].map((name) =>
    errorsOf(name, "whole eagle2")
  );
  assertLess(own[1], 0.6);
  assertLess(eight[1], own[1]);
});

Deno.test("quantize --head: a target's quantized output projection is taken as what it stands for", async () => {
  const quantized = `${root}/lm_head quantized`;
  const how = { scheme: "w4a16-g32", method: "rtn", lmHead: "w4a16" } as const;
  await quantizeCheckpoint({ model: `${root}/model`, out: quantized, ...how });
  await assertRejects(
    () =>
      quantize(`${root}/whole eagle2`, "not asked", {
        scheme: "w4a16-g128",
        target: quantized,
        method: "rtn",
        calibration: undefined,
        device: undefined,
      }),
    ArgumentError,
    "it is quantized and there is no device to ask",
  );
  assertEquals(readNames(root).filter((name) => name.startsWith("not asked")), []);
  const scheme = "w4a16-channel";
  await quantize(`${root}/whole eagle2`, "of quantized", {
    scheme,
    target: quantized,
    method: "rtn",
    calibration: undefined,
    lmHead: "w8a16",
  });
  assertLess(errorsOf("of quantized", "whole eagle2", quantized)[1], 0.6);
});

Deno.test("quantize --head: a head with more tokens than its target gets a map of those that there are", async () => {
  const padded = rewrite(`${root}/whole eagle2`, `${root}/padded`, () => {}, { vocab_size: 300 });
  await quantize(padded, "unpadded", {
    scheme: "w4a16-g128",
    method: "rtn",
    calibration: undefined,
  });
  using head = openHead(`${root}/unpadded`);
  assertEquals([head.config.draftVocabSize, head.config.model.vocabSize], [VOCAB, 300]);
  using opened = device();
  using verifier = Model.load(opened, target);
  using loaded = HeadModel.load(opened, head, verifier);
  assertEquals(loaded.vocabulary, VOCAB);
});

Deno.test("quantize --head: a head that was converted for a rotated target is quantized, its last layer too", async () => {
  const rotated = `${root}/rotated`;
  const converted = `${root}/converted`;
  await quantizeCheckpoint({ model: `${root}/model`, out: rotated, scheme: "f16", rotate: true });
  await convertHead({ head: `${root}/whole eagle2`, model: rotated, out: converted });
  await quantize(converted, "converted, quantized", { scheme: "w4a16-g32", target: rotated });
  const [, logits] = errorsOf("converted, quantized", "converted", rotated);
  assertLess(logits, 0.6);
  using head = openHead(`${root}/converted, quantized`);
  assert(head.tensors.find("output.qweight") !== undefined);
});

Deno.test("quantize --head, trim-head: the demo's head drafts nearly as well", async () => {
  const demo = `${DEMO_DIR}/target`;
  const head = `${DEMO_DIR}/target-eagle2`;
  await quantize(head, "demo quantized", {
    scheme: "w4a16-g128",
    target: demo,
    calibration: undefined,
    calibrationTexts: 12,
  });
  using opened = device();
  using verifier = Model.load(opened, demo);
  const tokenizer = Tokenizer.load(demo);
  const prompts = problems(12, 23).map((text) => tokenizer.encode(`Question: ${text}\nAnswer:`));
  const expected = prompts.map((prompt) => decode(verifier, prompt, 32).tokens);
  // What the target says to others.
  Deno.writeTextFileSync(
    `${root}/answers.jsonl`,
    problems(40, 24).map((text) => {
      const prompt = tokenizer.encode(`Question: ${text}\nAnswer:`);
      const { tokens } = decode(verifier, prompt, 32);
      return JSON.stringify({ tokens: [...prompt, ...tokens], prompt: prompt.length });
    }).join("\n"),
  );
  const out = `${root}/demo trimmed`;
  const trim = { head, target: demo, texts: `${root}/answers.jsonl` };
  const { recentTokens } = await trimHead({ ...trim, keep: 768, out });
  assertEquals(recentTokens, 64, "where nothing is said");
  const [few, recent] = [`${root}/demo of few tokens`, `${root}/demo of recent tokens`];
  // Of texts that do not have the names and things of others.
  const [answer] = Deno.readTextFileSync(trim.texts).split("\n");
  const texts = `${root}/answer.jsonl`;
  Deno.writeTextFileSync(texts, answer);
  await trimHead({ ...trim, texts, keep: 160, out: few });
  await trimHead({ ...trim, texts, keep: 128, recentTokens: 32, out: recent });
  const roundsOf = (dir: string) => {
    using loaded = HeadModel.load(opened, dir, verifier);
    const plan = eagle2(loaded, { depth: 5, topk: 8, treeSize: 32 });
    using decoder = new Decoder(verifier, 256, plan);
    return prompts.reduce((sum, prompt, i) => {
      assertEquals(decoder.decode(prompt, 32), expected[i]);
      return sum + decoder.forwards;
    }, 0);
  };
  const dirs = [head, `${root}/demo quantized`, out, few, recent];
  const [whole, quantized, trimmed, ofFew, withRecent] = dirs.map(roundsOf);
  assertLess(quantized, whole / 0.95, "target forwards, quantized");
  assertLess(trimmed, whole / 0.95, "target forwards, trimmed");
  assertLess(withRecent, ofFew * 0.9, "recent tokens in place of others, in a vocabulary as small");
});

Deno.test("quantize --head: what it cannot do it refuses before work", async () => {
  const scheme = "w4a16-g128";
  const refused = async (
    // deno-lint-ignore no-explicit-any
    type: new (...args: any[]) => Error,
    message: string,
    options: Partial<QuantizeHeadOptions>,
    head = `${root}/eagle3`,
  ) => {
    await assertRejects(() => quantize(head, "refused", { scheme, ...options }), type, message);
    assertEquals(readNames(root).filter((name) => name.startsWith("refused")), []);
  };
  await quantize(`${root}/eagle3`, "once", { scheme, method: "rtn", calibration: undefined });
  await refused(ArgumentError, "it is quantized already (gptq)", {}, `${root}/once`);
  await refused(ArgumentError, 'the scheme is "w3"', { scheme: "w3" });
  await refused(ArgumentError, "expected one of w4a16-g32", { scheme: "f16" });
  await refused(ArgumentError, "the method reads no text", { method: "rtn" });
  await refused(ArgumentError, "only GPTQ's layout holds it", { scheme: "w8a8", lmHead: "w4a16" });
  await refused(ArgumentError, "there is no device", { device: undefined });
  await refused(
    UnsupportedModelError,
    'tensor "lm_head.weight" of 200 outputs to w4a8-qqq',
    { scheme: "w4a8-qqq" },
    `${root}/whole eagle3`,
  );
  await refused(CheckpointError, "it holds a complete model", {}, `${root}/model`);
  const narrow = makeModel(`${root}/narrow`, { ...SHAPE, hidden: 64 });
  await refused(CheckpointError, "hidden size", { target: narrow });
  await assertRejects(
    () => quantize(`${root}/eagle3`, "once", { scheme }),
    ArgumentError,
    "it exists",
  );
});

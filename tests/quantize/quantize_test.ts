/**
 * Quantizing from end to end on a small random model: every scheme by its own method, rotations and the heads
 * that go with them, and a process that is killed again and again.
 */
import {
  assert,
  assertEquals,
  assertLess,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { fileURLToPath } from "node:url";
import { writeUnquantized } from "../../bench/quantization/unquantized.ts";
import { eagle2, Session } from "../../mod.ts";
import { ArgumentError, CheckpointError } from "../../src/base/errors.ts";
import { onWarning } from "../../src/base/warnings.ts";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { Arena, Device } from "../../src/device/mod.ts";
import { convertHead, quantizeCheckpoint, type QuantizeOptions } from "../../src/quantize/mod.ts";
import { readRotation } from "../../src/quantize/jobs/rotate_model.ts";
import { HeadModel, HeadState, Model } from "../../src/model/mod.ts";
import { gatherRows } from "../../src/ops/mod.ts";
import { QUANTIZERS } from "../../src/quantize/quantizers/registry.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { ALL_CASES } from "../cases.ts";
import { type RandomModel, SMALL, writeRandomHead } from "../models.ts";
import { rewrite } from "../rewrite.ts";
import { problems } from "../problems.ts";
import { relativeError } from "../rig.ts";
import {
  filesOf,
  forward,
  makeModel as makeModelIn,
  readNames,
  TestTokens,
  TOKENS,
  VOCAB,
} from "../whole_models.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** Outputs are multiples of 64 and inputs of 128, for the layouts that ask for it. */
const SHAPE: RandomModel = {
  seed: 5,
  layers: 2,
  hidden: 128,
  intermediate: 256,
  heads: 2,
  kvHeads: 1,
  headDim: 64,
  vocab: VOCAB,
};

/** For rotations, of a width that is no power of two. */
const WIDE: RandomModel = { ...SHAPE, hidden: 192, heads: 4, kvHeads: 2 };

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const makeModel = (name: string, shape: RandomModel, config?: object): string =>
  makeModelIn(`${root}/${name}`, shape, config);

const model = makeModel("model", SHAPE);
const wide = makeModel("wide", WIDE);

function quantize(out: string, options: Partial<QuantizeOptions> & { scheme: string }) {
  return quantizeCheckpoint({
    model,
    out,
    calibrationTexts: options.method === "rtn" || options.scheme === "f16" ? undefined : 16,
    device: () => Device.open({ backend: "cpu" }),
    ...options,
  });
}

/**
 * Most relative error of the logits of each scheme by its own method. Random weights make much of small errors;
 * weights in a wrong place give logits that have nothing to do with the model's, an error above 1.
 */
const ERRORS: Readonly<Record<string, number>> = { w8a8: 0.1, fp8: 0.25 };

for (const { scheme } of QUANTIZERS) {
  Deno.test(`quantize: ${scheme} loads, and is near the model it was made of`, async () => {
    using device = Device.open({ backend: "cpu" });
    const out = `${root}/${scheme}`;
    const { quantized } = await quantize(out, { scheme });
    assertEquals(quantized, 7 * SHAPE.layers);
    const { logits } = forward(device, model);
    assertLess(relativeError(forward(device, out).logits, logits), ERRORS[scheme] ?? 0.7);
    using loaded = Model.load(device, out);
    // Layers of 128 inputs have one group of 128.
    assert(loaded.summary.scheme.split("+").includes(scheme), loaded.summary.scheme);
  });
}

Deno.test("quantize: any number of threads gives the same bytes, and all of them end", async () => {
  // As large as threads are started for.
  const shape = { ...SHAPE, layers: 1, hidden: 512, intermediate: 512, heads: 8, kvHeads: 4 };
  const large = makeModel("large", shape);
  const how = { scheme: "w4a8-qqq-g128", rotate: true };
  const options = { model: large, ...how, calibrationTexts: 4 };
  for (const threads of [1, 3]) await quantize(`${root}/large-${threads}`, { ...options, threads });
  const [one, three] = [1, 3].map((threads) => filesOf(`${root}/large-${threads}`));
  assertEquals(three, one);
  const controller = new AbortController();
  const onProgress = ({ done }: { done: number }) =>
    void (done > 1.5 && controller.abort("enough"));
  const ended = { ...options, threads: 3, onProgress, signal: controller.signal };
  assertEquals(await quantize(`${root}/ended`, ended).catch((reason) => reason), "enough");
});

Deno.test("quantize: a rotated copy has the same function, its hidden states are rotated", async () => {
  using device = Device.open({ backend: "cpu" });
  const plain = forward(device, wide);
  const out = `${root}/rotated`;
  await quantize(out, { model: wide, scheme: "f16", rotate: true, seed: 3 });
  const found = forward(device, out);
  assertLess(relativeError(found.logits, plain.logits), 3e-3);
  const { stream, finalNorm } = readRotation(out);
  stream.undo(found.hidden);
  const back = found.hidden.map((value, i) => value * finalNorm[i % WIDE.hidden]);
  assertLess(relativeError(back, plain.hidden), 3e-3);
});

Deno.test("quantize: W4A8 is rotated unless that is forbidden, and what does harm is warned of", async () => {
  const heard: string[] = [];
  onWarning((message) => heard.push(message));
  try {
    const rotation = async (name: string, options: Parameters<typeof quantize>[1]) => {
      const out = `${root}/${name}`;
      const { rotated } = await quantize(out, { method: "rtn", ...options });
      using checkpoint = openCheckpoint(out);
      assertEquals(rotated, checkpoint.config.rotation !== undefined, name);
      return checkpoint.config.rotation;
    };
    for (const scheme of ["w4a8-qqq", "w4a8-qqq-g128", "w4a8-qoq", "w4a8-qoq-g128"]) {
      assertEquals(await rotation(`${scheme}-default`, { scheme }), 0);
    }
    assertEquals(await rotation("seeded", { scheme: "w4a8-qoq", seed: 3 }), 3);
    assertEquals(await rotation("w4", { scheme: "w4a16-g32" }), undefined);
    assertEquals(await rotation("eight", { scheme: "fp8" }), undefined);
    assertEquals(heard, []);
    assertEquals(await rotation("plain", { scheme: "w4a8-qqq", rotate: false }), undefined);
    assertEquals(heard.length, 1);
    assertStringIncludes(heard[0], "w4a8-qqq without a rotation");
    assertEquals(await rotation("turned", { scheme: "fp8", rotate: true }), 0);
    assertEquals(heard.length, 2);
    assertStringIncludes(heard[1], "fp8 with a rotation");
    // What is rotated already is not rotated again, and well served.
    await quantize(`${root}/turned-f16`, { scheme: "f16", rotate: true, seed: 2 });
    const twice = { model: `${root}/turned-f16`, scheme: "w4a8-qqq", method: "rtn" };
    const { rotated } = await quantize(`${root}/turned-once`, twice);
    assertEquals(rotated, false);
    using once = openCheckpoint(`${root}/turned-once`);
    assertEquals(once.config.rotation, 2);
    await quantize(`${root}/turned-eight`, { ...twice, scheme: "w8a8" });
    assertEquals(heard.length, 2);
  } finally {
    onWarning();
  }
});

Deno.test("quantize: tied embeddings are untied where the output projection changes", async () => {
  using device = Device.open({ backend: "cpu" });
  const tied = makeModel("tied", { ...SHAPE, layers: 1 }, { tie_word_embeddings: true });
  rewrite(tied, tied, (tensors) => tensors.delete("lm_head.weight"));
  const plain = forward(device, tied).logits;
  await quantize(`${root}/tied-r`, { model: tied, scheme: "f16", rotate: true });
  assertLess(relativeError(forward(device, `${root}/tied-r`).logits, plain), 3e-3);
  for (const [lmHead, most] of [["w8a16", 0.4], ["w4a16", 0.5]] as const) {
    const out = `${root}/tied-${lmHead}`;
    await quantize(out, { model: tied, scheme: "w4a16-g32", lmHead, rotate: true });
    using checkpoint = openCheckpoint(out);
    assertEquals(checkpoint.config.tiedEmbeddings, false);
    assertEquals(checkpoint.tensors.find("lm_head.weight"), undefined);
    assertLess(relativeError(forward(device, out).logits, plain), most);
  }
});

/** Two steps of a head on a verifier's hidden states, the second on what the first gave: logits of both. */
function draft(device: Device, head: string, verifier: string): Float32Array[] {
  const { hidden } = forward(device, verifier);
  using target = Model.load(device, verifier);
  using loaded = HeadModel.load(device, head, target);
  const count = TOKENS.length - 1;
  using state = new HeadState(loaded, {
    context: 64,
    slots: 64,
    rows: count,
    logitsRows: count,
  });
  state.cache.ensure(64);
  using ids = new TestTokens(device);
  using arena = new Arena(device, "hidden states");
  const given = arena.fromHost(
    "f16",
    [count, WIDE.hidden],
    new Float16Array(hidden.subarray(0, count * WIDE.hidden)),
  );
  const index = arena.fromHost("i32", [count], Int32Array.from({ length: count }, (_, i) => i));
  const step = { rows: count, cacheLength: state.cacheLength };
  gatherRows(device, state.input, given, index);
  state.queueForward(step, { tokens: ids.tensor, shift: 1 });
  state.queueLogits(state.hidden);
  const first = new Float32Array(device.download(state.logits).buffer);
  gatherRows(device, state.input, state.hidden, index);
  state.queueForward(step, { tokens: ids.tensor, shift: 1 });
  state.queueLogits(state.hidden);
  return [first, new Float32Array(device.download(state.logits).buffer)];
}

Deno.test("convert-head: a head says of a rotated model what it said of the model", async () => {
  using device = Device.open({ backend: "cpu" });
  const head = writeRandomHead(`${root}/head`, WIDE);
  const rotated = `${root}/rotated-for-head`;
  await quantize(rotated, { model: wide, scheme: "f16", rotate: true });
  await convertHead({ head, model: rotated, out: `${root}/head-rotated` });
  const plain = draft(device, head, wide);
  const found = draft(device, `${root}/head-rotated`, rotated);
  for (const [i, logits] of plain.entries()) {
    assertLess(relativeError(found[i], logits), 1e-2, `step ${i + 1}`);
  }
  // What is made of the rotated model stays rotated, and is not rotated again.
  const again = `${root}/rotated-again`;
  const twice = { model: rotated, scheme: "w8a8", method: "rtn" };
  await assertRejects(
    () => quantize(again, { ...twice, rotate: true }),
    ArgumentError,
    "is rotated already (seed 0)",
  );
  await quantize(again, twice);
  await convertHead({ head, model: again, out: `${root}/head-again` });
  assertEquals(
    Deno.readFileSync(`${root}/head-again/model.safetensors`),
    Deno.readFileSync(`${root}/head-rotated/model.safetensors`),
  );
  // Neither head does for the other model.
  const none = () => draft(device, head, rotated);
  assertThrows(none, CheckpointError, "rotation is none, expected that of seed 0");
  const other = () => draft(device, `${root}/head-rotated`, wide);
  assertThrows(other, CheckpointError, "rotation is that of seed 0, expected none");
});

/** How often it is killed, half as often unless all cases are asked for. */
const KILLS = ALL_CASES ? 10 : 5;

Deno.test("quantize: killed again and again, it gives the bytes of one run", async () => {
  const small = makeModel("killed", { ...SMALL, layers: 6, vocab: VOCAB });
  const arrange = (out: string) =>
    new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check", MAIN, "quantize", "--model", small, "--out", out],
        ...["--scheme", "w4a8-qoq", "--rotate", "--calibration-texts", "4"],
        ...["--backend", "cpu", "--threads", "1"],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    });
  const begun = performance.now();
  assertEquals((await arrange(`${root}/whole`).output()).code, 0);
  const whole = performance.now() - begun;
  const out = `${root}/pieces`;
  let [kills, resumed] = [0, 0];
  for (let i = 0; kills < KILLS; i++) {
    const child = arrange(out).spawn();
    // From the first moments to beyond the end, in an order that mixes short and long runs.
    const delay = whole * (0.4 + ((i * 7) % 10) / 16);
    const timer = setTimeout(() => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has just ended.
      }
    }, delay);
    const { code, signal, stderr } = await child.output();
    clearTimeout(timer);
    const killed = signal === "SIGKILL";
    if (killed) kills++;
    // A process that is killed between the end of its work and its own has left all of it, and will not do it again.
    const finished = readNames(out).length > 0 && !readNames(root).includes("pieces.partial");
    if (killed && !finished) {
      const shards = readNames(`${out}.partial/model`);
      if (shards.some((name) => name.endsWith(".safetensors"))) resumed++;
      continue;
    }
    if (!killed) assertEquals(code, 0, new TextDecoder().decode(stderr));
    assertEquals(filesOf(out), filesOf(`${root}/whole`));
    Deno.removeSync(out, { recursive: true });
  }
  assertEquals((await arrange(out).output()).code, 0);
  assertEquals(filesOf(out), filesOf(`${root}/whole`));
  assert(resumed > 0, "no run was killed with something finished");
  assertEquals(readNames(root).filter((name) => name.includes("partial")), []);
});

Deno.test("convert-head: the demo head proposes as well for the rotated demo target", async () => {
  const demo = fileURLToPath(new URL("../../models/demo", import.meta.url));
  const [plain, rotated, head] = ["demo", "demo-rotated", "demo-head"].map((x) => `${root}/${x}`);
  writeUnquantized(`${demo}/target`, plain, 1);
  await quantize(rotated, { model: plain, scheme: "f16", rotate: true });
  await convertHead({ head: `${demo}/target-eagle2`, model: rotated, out: head });
  using device = Device.open({ backend: "cpu" });
  const tokenizer = Tokenizer.load(plain);
  const run = async (model: string, headDir: string) => {
    using target = Model.load(device, model);
    using loaded = HeadModel.load(device, headDir, target);
    const drafter = eagle2(loaded, { depth: 4, topk: 6, treeSize: 20 });
    using session = new Session(target, tokenizer, { context: 512, drafter });
    const prompt = `Question: ${problems(1, 4)[0]}\nAnswer:`;
    const { text, stats } = await session.generate(prompt, { maxTokens: 64 }).finish();
    return { text, tau: stats.tau };
  };
  const before = await run(plain, `${demo}/target-eagle2`);
  const after = await run(rotated, head);
  assertEquals(after.text, before.text);
  // A near-tie of f16 may fall out otherwise now and then.
  assertLess(Math.abs(after.tau - before.tau), 0.3);
  assert(before.tau > 2.5, `tau is ${before.tau}`);
});

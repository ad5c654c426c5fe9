/**
 * A small checkpoint in every format, packed by scripts/formats from public descriptions of the layouts, against
 * the logits of what it stands for: dequantized weights in float64, activations rounded as the scheme rounds them.
 * A scale, a zero point or a row in a wrong place moves logits by as much as they deviate, which is above 1.
 */
import { assertEquals, assertLess } from "@std/assert";
import { fileURLToPath } from "node:url";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { openSafetensors } from "../../src/checkpoint/containers/safetensors.ts";
import { rows } from "../../src/device/mod.ts";
import type { TensorSource } from "../../src/checkpoint/containers/source.ts";
import { Model, ModelState } from "../../src/model/mod.ts";
import { type Linear, readingRows } from "../../src/quant/mod.ts";
import { backendTest } from "../backends.ts";
import { relativeError, type Rig } from "../rig.ts";

const FORMATS = fileURLToPath(new URL("../data/formats", import.meta.url));

/**
 * ||found - expected|| / ||expected|| of one layer's product on rows that 8 bits hold exactly: rounding of sums in
 * f32, and of weights to f16 where they are dequantized before they are multiplied.
 */
const PRODUCT = { rows: 5e-4, i8: 2e-6, f8_e4m3: 2e-6 };

/**
 * The same of all logits. Rounding activations to 8 bits decides near-ties differently behind f16 than behind f64,
 * and each moves what comes next by a step: after a layer nothing but the size of the noise is the same.
 */
const LOGITS: Readonly<Record<string, number>> = { rows: 2e-3, quantized: 2e-2 };

/** What each checkpoint is found to be: format, schemes of its layers, the form of its activations. */
const EXPECTED: Readonly<Record<string, readonly [method: string, scheme: string, kind: string]>> =
  {
    "awq-channel-quant-config": ["awq", "w4a16-channel-asym", "rows"],
    "awq-g64": ["awq", "w4a16-g64-asym", "rows"],
    "ct-fp8": ["compressed-tensors", "fp8+f16", "quantized"],
    "ct-mixed": ["compressed-tensors", "w4a16-g64+w8a8+fp8", "quantized"],
    "ct-w4a16-act-order": ["compressed-tensors", "w4a16-g64", "rows"],
    "ct-w4a16-channel": ["compressed-tensors", "w4a16-channel", "rows"],
    "ct-w4a16-g128": ["compressed-tensors", "w4a16-g128", "rows"],
    "ct-w4a16-g32-asym": ["compressed-tensors", "w4a16-g32-asym", "rows"],
    "ct-w8a16": ["compressed-tensors", "w8a16", "rows"],
    "ct-w8a8": ["compressed-tensors", "w8a8", "quantized"],
    "gptq-8bit": ["gptq", "w8a16", "rows"],
    "gptq-asym-g32": ["gptq", "w4a16-g32-asym", "rows"],
    "gptq-lm-head-8bit": ["gptq", "w4a16-g128", "rows"],
    "gptq-v2-asym-act-order": ["gptq", "w4a16-g64-asym", "rows"],
    "paper-w4a16-g128": ["marlin", "w4a16-g128", "rows"],
    "qoq-channel": ["qoq", "w4a8-qoq", "quantized"],
    "qoq-g128": ["qoq", "w4a8-qoq-g128", "quantized"],
    "qoq-g64-joined": ["qoq", "w4a8-qoq-g64", "quantized"],
    "qqq-channel": ["qqq", "w4a8-qqq", "quantized"],
    "qqq-g128": ["qqq", "w4a8-qqq-g128", "quantized"],
    "qqq-g128-joined": ["qqq", "w4a8-qqq-g128", "quantized"],
    "qserve-w8a8": ["qoq", "w8a8", "quantized"],
  };

function logitsOf(rig: Rig, model: Model, tokens: Int32Array): Float32Array {
  const count = tokens.length;
  using state = new ModelState(model, {
    context: count,
    slots: count,
    rows: count,
    logitsRows: count,
  });
  state.cache.ensure(count);
  const ids = rig.put("i32", [count], tokens);
  const { cacheLength } = state;
  state.queueForward({ rows: count, cacheLength }, { tokens: rows(ids, 0, count) });
  state.queueLogits(count);
  return new Float32Array(rig.device.download(state.logits).buffer);
}

/** Linear layers of a model of one layer, with the names of what they are made of. */
function linearsOf({ layers: [layer], lmHead }: Model): [Linear, ...string[]][] {
  const [attention, mlp] = ["model.layers.0.self_attn", "model.layers.0.mlp"];
  return [
    [layer.qkv, ...["q", "k", "v"].map((part) => `${attention}.${part}_proj`)],
    [layer.output, `${attention}.o_proj`],
    [layer.gateUp, `${mlp}.gate_proj`, `${mlp}.up_proj`],
    [layer.down, `${mlp}.down_proj`],
    [lmHead, "lm_head"],
  ];
}

/** Compares the outputs from `at` on, those of the stored layer `name`, on its own rows; returns their count. */
function checkProduct(
  rig: Rig,
  golden: TensorSource,
  linear: Linear,
  name: string,
  at: number,
): number {
  const read = (kind: string): Float32Array =>
    new Float32Array(golden.read(`${kind}.${name}`).buffer);
  const [expected, x] = [read("y"), read("x")];
  const m = x.length / linear.k;
  const n = expected.length / m;
  const reader = readingRows(rig.device, linear);
  const y = rig.output("f32", [m, linear.n]);
  const scratch = rig.arena.allocate("u8", [Math.max(1, m * reader.scratch)]);
  reader.queue(y.tensor, rig.put("f16", [m, linear.k], x), "logits", scratch);
  const all = y.values();
  const found = Float64Array.from(
    expected,
    (_, i) => all[Math.floor(i / n) * linear.n + at + i % n],
  );
  const form = linear.activationForm;
  assertLess(relativeError(found, expected), PRODUCT[form], `error of ${name}`);
  return n;
}

Deno.test("every format's fixture is expected to be something", () => {
  const found = [...Deno.readDirSync(FORMATS)].filter((one) => one.isDirectory);
  assertEquals(found.map(({ name }) => name).sort(), Object.keys(EXPECTED).sort());
});

for (const [name, [method, scheme, kind]] of Object.entries(EXPECTED)) {
  backendTest(`format: ${name}`, (rig) => {
    using checkpoint = openCheckpoint(`${FORMATS}/${name}`);
    assertEquals(checkpoint.quantization?.method, method);
    using model = Model.load(rig.device, checkpoint);
    assertEquals(model.summary.scheme, scheme);
    using golden = openSafetensors(`${FORMATS}/${name}/golden.safetensors`);
    const tokens = new Int32Array(golden.read("tokens").buffer);
    const expected = new Float32Array(golden.read("logits").buffer);
    const found = logitsOf(rig, model, tokens);
    assertLess(relativeError(found, expected), LOGITS[kind], "error of the logits");
    for (const [linear, ...names] of linearsOf(model)) {
      let at = 0;
      for (const name of names) at += checkProduct(rig, golden, linear, name, at);
      assertEquals(at, linear.n);
    }
  });
}

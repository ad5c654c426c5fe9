/**
 * Widths that are no powers of two, in every scheme: what is written is read back and runs, what a layout has no
 * place for is refused before anything is written.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { UnsupportedModelError } from "../../src/base/errors.ts";
import { openWeights } from "../../src/checkpoint/containers/weights.ts";
import { Device } from "../../src/device/mod.ts";
import { quantizeCheckpoint } from "../../src/quantize/mod.ts";
import type { Quantizer } from "../../src/quantize/quantizers/quantizer.ts";
import { allQuantizers, findQuantizer } from "../../src/quantize/quantizers/registry.ts";
import type { ZeroPoints } from "../../src/quantize/quantizers/w4a16.ts";
import { someOf } from "../cases.ts";
import type { RandomModel } from "../models.ts";
import { random } from "../random.ts";
import { relativeError } from "../rig.ts";
import { forward, makeModel, readNames, VOCAB } from "../whole_models.ts";

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

/** All that can be asked for. */
const ALL = allQuantizers().map(({ scheme, title }) => ({
  scheme,
  title,
  zeroPoints: (/(?:gptq|awq)$/.exec(title)?.[0] ?? "none") as ZeroPoints,
}));

/** A model of one layer, with one narrow head: what matters are the widths. */
function shapeOf(hidden: number, intermediate: number): RandomModel {
  return {
    seed: hidden,
    layers: 1,
    hidden,
    intermediate,
    heads: 1,
    kvHeads: 1,
    headDim: hidden % 128 === 0 ? 128 : 64,
    vocab: VOCAB,
  };
}

/** Bytes of all tensors of a model, as they are or in the layout of a scheme. */
function bytesOf(dir: string, quantizer?: Quantizer): number {
  using source = openWeights(dir);
  return source.names().reduce((sum, name) => {
    const { bytes, shape: [n, k] } = source.info(name);
    return sum + (quantizer && name.endsWith("_proj.weight") ? quantizer.bytes(n, k) : bytes);
  }, 0);
}

let count = 0;

/** The refusal of quantizing `model` by rounding; undefined where the copy loads, and is near what it was made of. */
async function refusal(
  device: Device,
  model: string,
  logits: Float32Array,
  { scheme, title, zeroPoints }: typeof ALL[number],
): Promise<string | undefined> {
  const out = `${root}/out-${count++}`;
  try {
    await quantizeCheckpoint({ model, out, scheme, zeroPoints, method: "rtn" });
    // What is looked for on a disk beforehand is what is written.
    assertEquals(bytesOf(out), bytesOf(model, findQuantizer(scheme, zeroPoints)), title);
  } catch (error) {
    assert(error instanceof UnsupportedModelError, `${title}: ${error}`);
    assertEquals(readNames(root).filter((name) => name.startsWith("out-")), []);
    return error.message;
  }
  // Weights in a wrong place give logits that have nothing to do with the model's: an error above 1.
  const error = relativeError(forward(device, out).logits, logits);
  assertLess(error, 0.6, `${title}, ${model}`);
  Deno.removeSync(out, { recursive: true });
  return undefined;
}

/** Those that the shape is refused for. */
async function refusedFor(
  device: Device,
  shape: RandomModel,
  some: readonly typeof ALL[number][] = ALL,
): Promise<string[]> {
  const { hidden, intermediate } = shape;
  const model = makeModel(`${root}/${hidden}-${intermediate}`, shape);
  const { logits } = forward(device, model);
  const refused: string[] = [];
  for (const one of some) {
    const message = await refusal(device, model, logits, one);
    if (message !== undefined) refused.push(one.title);
  }
  Deno.removeSync(model, { recursive: true });
  return refused;
}

/** Groups of 128 inputs, with no place for a short one. */
const WHOLE_GROUPS = ["w4a8-qqq-g128", "w4a8-qoq-g128", "w4a16-g128 with zero points of awq"];

/** Zero points lie where scales do, so the longest matrices are for what differs otherwise. */
const PLAIN = ALL.filter(({ zeroPoints }) => zeroPoints === "none");

Deno.test("quantize: 576, 1,536, 4,864 and 18,944 wide, in every scheme", async () => {
  using device = Device.open({ backend: "cpu" });
  assertEquals(await refusedFor(device, shapeOf(576, 128)), WHOLE_GROUPS);
  assertEquals(await refusedFor(device, shapeOf(128, 576)), WHOLE_GROUPS);
  assertEquals(await refusedFor(device, shapeOf(128, 1536)), []);
  // Beside a width as small as the layout takes, which is what it costs.
  const least = ({ title }: typeof ALL[number]) =>
    WHOLE_GROUPS.includes(title) ? 128 : title === "w4a8-qqq" ? 64 : 32;
  for (const [first, width] of [4864, 18944].entries()) {
    for (const hidden of [32, 64, 128]) {
      // Every other scheme, and the others in the other width.
      const some = someOf(PLAIN.filter((one) => least(one) === hidden), 2, { first });
      assertEquals(await refusedFor(device, shapeOf(hidden, width), some), []);
    }
  }
});

Deno.test("quantize: 576 wide, by the own method of a scheme of each layout", async () => {
  using device = Device.open({ backend: "cpu" });
  const model = makeModel(`${root}/own`, shapeOf(576, 192));
  const { logits } = forward(device, model);
  for (const scheme of ["w4a16-g128", "w8a8", "w4a8-qqq", "w4a8-qoq", "fp8"]) {
    const out = `${root}/own-${scheme}`;
    const options = { calibrationTexts: 2, device: () => Device.open({ backend: "cpu" }) };
    await quantizeCheckpoint({ model, out, scheme, ...options });
    assertLess(relativeError(forward(device, out).logits, logits), 0.6, scheme);
  }
});

Deno.test("quantize: what a model of any size is not refused for can be read", async () => {
  using device = Device.open({ backend: "cpu" });
  const next = random(7);
  const size = (step: number) => step * (1 + Math.floor(next() * 6));
  for (const step of [16, 32, 32, 48, 64]) {
    const refused = await refusedFor(device, shapeOf(size(step), size(step)));
    // The channels of 8 bits and of GPTQ fit all of these.
    for (const title of ["w8a8", "fp8", "w4a16-channel", "w4a16-g128 with zero points of gptq"]) {
      assert(!refused.includes(title), title);
    }
  }
});

Deno.test("quantize: a refusal says what would go", async () => {
  using device = Device.open({ backend: "cpu" });
  const model = makeModel(`${root}/small`, shapeOf(576, 128));
  const { logits } = forward(device, model);
  const said = (title: string) =>
    refusal(device, model, logits, ALL.find((one) => one.title === title)!);
  const qqq = (await said("w4a8-qqq-g128"))!;
  assertStringIncludes(qqq, 'q_proj.weight" of 576 inputs to w4a8-qqq-g128');
  assertStringIncludes(qqq, "expected a multiple of 128; this model can be quantized to ");
  assertEquals(
    qqq.split("quantized to ")[1],
    "w4a16-g32, w4a16-g64, w4a16-g128, w4a16-channel, w8a8, w4a8-qqq, w4a8-qoq, fp8",
  );
  const awq = (await said("w4a16-g128 with zero points of awq"))!;
  assertStringIncludes(awq, "w4a16-g64 with zero points of awq");
  assert(!awq.split("quantized to ")[1].includes("w4a16-g128 with zero points of awq"));
});

/**
 * Every scheme's layers as the quantizers write them, read back and run, against the numbers that their codes
 * stand for. A code, a scale or a zero point in a wrong place gives an error of the size of the weights.
 */
import { assertEquals, assertLess } from "@std/assert";
import { E4M3_VALUES } from "../../src/base/e4m3.ts";
import { parseQuantization } from "../../src/checkpoint/formats/quantization.ts";
import { Fields } from "../../src/checkpoint/containers/json.ts";
import { openSafetensors } from "../../src/checkpoint/containers/safetensors.ts";
import { writeSafetensors } from "../../src/checkpoint/containers/safetensors_writer.ts";
import { Arena } from "../../src/device/mod.ts";
import { loadLinear, readingRows, WeightLoader } from "../../src/quant/mod.ts";
import type { Coded } from "../../src/quantize/grids/coded.ts";
import { gptq, gptqInputs } from "../../src/quantize/methods/gptq.ts";
import type { Draft, Quantizer } from "../../src/quantize/quantizers/quantizer.ts";
import { QUANTIZERS } from "../../src/quantize/quantizers/registry.ts";
import { roundToNearest } from "../../src/quantize/methods/rtn.ts";
import { w4a16, w8a16Draft } from "../../src/quantize/quantizers/w4a16.ts";
import { backendTest } from "../backends.ts";
import { valuesOf } from "./grid_values.ts";
import { Random } from "../random.ts";
import { relativeError, type Rig } from "../rig.ts";

const [N, K, ROWS] = [192, 256, 5];
const NAME = "model.layers.0.mlp.up_proj";

/** As in the tests of formats: sums in f32, and weights rounded to f16 where they are widened before a product. */
const PRODUCT = { rows: 5e-4, i8: 5e-6, e4m3: 5e-6 };

/** Rows that 8 bits hold exactly: the largest is 127 or 448, the others are whole or e4m3. */
function exactRows(form: Quantizer["activations"], random: Random): Float32Array {
  return Float32Array.from({ length: ROWS * K }, (_, i) => {
    if (form === "e4m3") return i % K === 0 ? 448 : E4M3_VALUES[random.integer(120)];
    return i % K === 0 ? 127 : random.integer(255) - 127;
  });
}

function check(
  rig: Rig,
  form: Quantizer["activations"],
  config: object,
  draft: Draft,
  coded: Coded,
  tolerance = PRODUCT[form],
): void {
  const dir = Deno.makeTempDirSync();
  try {
    writeSafetensors(`${dir}/t.safetensors`, draft.tensors(NAME, coded));
    using source = openSafetensors(`${dir}/t.safetensors`);
    const quantization = parseQuantization(new Fields("config", config), source);
    using arena = new Arena(rig.device, "layer");
    using loader = new WeightLoader(rig.device, arena, { source, quantization }, "f16", 1);
    const loaded = loadLinear(loader, [{ prefix: NAME, n: N, k: K, bias: false }]);
    loader.finish();
    const linear = readingRows(rig.device, loaded);
    const x = exactRows(form, new Random(4));
    const y = rig.output("f32", [ROWS, N]);
    const scratch = rig.arena.allocate("u8", [Math.max(1, ROWS * linear.scratch)]);
    linear.queue(y.tensor, rig.put("f16", [ROWS, K], x), "logits", scratch);
    const values = valuesOf(draft.grid, coded.codes, coded.groupOf);
    const expected = Float64Array.from({ length: ROWS * N }, (_, i) => {
      const [row, output] = [Math.floor(i / N), i % N];
      let sum = 0;
      for (let j = 0; j < K; j++) sum += x[row * K + j] * values[output * K + j];
      return sum;
    });
    assertLess(relativeError(y.values(), expected), tolerance);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** Weights with a drift, so that zero points are not all in the middle. */
const weights = (seed: number): Float32Array => {
  const random = new Random(seed);
  return Float32Array.from({ length: N * K }, (_, i) => 0.05 * random.normal() + (i % 7) * 0.01);
};

const ALL: readonly Quantizer[] = [
  ...QUANTIZERS,
  ...[32, 128, -1].flatMap((group) => [w4a16(group, "gptq"), w4a16(group, "awq")]),
];

for (const quantizer of ALL) {
  const { scheme, activations, config } = quantizer;
  backendTest(`layout: ${scheme}, ${config.quant_method}`, (rig) => {
    const draft = quantizer.draft(N, K);
    check(rig, activations, config, draft, { codes: roundToNearest(weights(1), draft.grid) });
  }, ["cpu", "cuda"]);
}

backendTest("layout: groups in order of activation", (rig) => {
  for (const zeros of ["none", "gptq"] as const) {
    const quantizer = w4a16(64, zeros);
    const draft = quantizer.draft(N, K);
    const hessian = new Float32Array(K * K);
    for (let i = 0; i < K; i++) hessian[i * K + i] = 1 + ((i * 37) % K);
    using inputs = gptqInputs(rig.device, hessian, K, { damping: 0.01, order: "activity" });
    const coded = gptq(weights(2), draft.grid, inputs);
    assertEquals(coded.groupOf?.length, K);
    check(rig, "rows", { ...quantizer.config, desc_act: true }, draft, coded);
  }
}, ["cpu", "cuda"]);

backendTest("layout: 8-bit weights of an output projection", (rig) => {
  const draft = w8a16Draft(N, K);
  const config = { ...w4a16(128).config, bits: 8, group_size: -1 };
  check(rig, "rows", config, draft, { codes: roundToNearest(weights(3), draft.grid) });
}, ["cpu", "cuda"]);

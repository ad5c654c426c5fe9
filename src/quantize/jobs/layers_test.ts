import { assert, assertEquals, assertLess } from "@std/assert";
import { backendTest } from "../../../tests/backends.ts";
import { Random } from "../../../tests/random.ts";
import { relativeError } from "../../../tests/rig.ts";
import { parseModelConfig } from "../../checkpoint/config/config.ts";
import type { Device } from "../../device/mod.ts";
import { findQuantizer } from "../quantizers/registry.ts";
import { INPUTS, type LayerInput, LayerRunner } from "./layer_runner.ts";
import { observeLayer } from "./observe_layer.ts";
import { randomRotation, rotateLayer } from "./rotate_model.ts";
import { smoothLayer } from "./smooth_layer.ts";
import { InputObserver, type InputStatistics } from "./statistics.ts";
import { type Floats, sourceOfFloats } from "./tensors.ts";

const CONFIG = parseModelConfig("config", {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 16,
  hidden_size: 96,
  intermediate_size: 128,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 32,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 128,
  rope_theta: 10000,
  eos_token_id: 1,
  attention_bias: true,
  mlp_bias: true,
});
const PREFIX = "model.layers.0";
const LENGTHS = [40, 7, 23];
const TOKENS = 70;

/** A random layer with biases; a few norms are large, so that inputs have outliers. */
function makeFloats(): Floats {
  const random = new Random(4);
  const floats: Floats = new Map();
  const add = (name: string, shape: number[], spread: number, center = 0) =>
    floats.set(`${PREFIX}.${name}`, {
      dtype: "f32",
      shape,
      values: Float32Array.from(
        random.normals(shape.reduce((a, b) => a * b), spread),
        (value) => center + value,
      ),
    });
  const linears: [string, number, number][] = [
    ["self_attn.q_proj", 128, 96],
    ["self_attn.k_proj", 64, 96],
    ["self_attn.v_proj", 64, 96],
    ["self_attn.o_proj", 96, 128],
    ["mlp.gate_proj", 128, 96],
    ["mlp.up_proj", 128, 96],
    ["mlp.down_proj", 96, 128],
  ];
  for (const [name, n, k] of linears) {
    add(`${name}.weight`, [n, k], 0.1);
    add(`${name}.bias`, [n], 0.1);
  }
  for (const norm of ["input_layernorm", "post_attention_layernorm"]) {
    add(`${norm}.weight`, [96], 0.1, 1);
    floats.get(`${PREFIX}.${norm}.weight`)!.values.fill(9, 3, 5);
  }
  return floats;
}

const states = () => Float32Array.from(new Random(8).normals(TOKENS * 96));

function forward(device: Device, floats: Floats, rows: Float32Array<ArrayBuffer>): Float32Array {
  using runner = new LayerRunner(device, CONFIG, "f16", 40);
  const out = rows.slice();
  const run = runner.run(sourceOfFloats("layer", floats), PREFIX, LENGTHS, out, true);
  assertEquals([...run], [40, 47, 70]);
  return out;
}

function observe(
  device: Device,
  floats: Floats,
  given: Float32Array<ArrayBuffer> = states(),
  lengths = LENGTHS,
): Map<LayerInput, InputStatistics> {
  using runner = new LayerRunner(device, CONFIG, "f16", 40);
  const tokens = given.length / 96;
  const hidden = { lengths, longest: 40, tokens, rows: given.slice(), store() {} };
  const source = sourceOfFloats("layer", floats);
  const work = observeLayer(device, runner, source, PREFIX, "f16", hidden);
  let next = work.next();
  while (!next.done) next = work.next();
  assertEquals(hidden.rows, given); // observing changes nothing
  return next.value;
}

backendTest("layers: texts do not see each other, and are run as they are alone", (rig) => {
  const floats = makeFloats();
  const all = forward(rig.device, floats, states());
  using runner = new LayerRunner(rig.device, CONFIG, "f16", 40);
  const alone = states().slice(40 * 96, 47 * 96);
  [...runner.run(sourceOfFloats("layer", floats), PREFIX, [7], alone, true)];
  assertEquals(alone, all.slice(40 * 96, 47 * 96));
}, ["cpu", "cuda"]);

backendTest("statistics: means of products, squares and largest values", (rig) => {
  const k = 24;
  const values = Float16Array.from(new Random(2).normals(1100 * k));
  using observer = new InputObserver(rig.device, "f16", k, 1100);
  for (const [from, to] of [[0, 500], [500, 1099], [1099, 1100]]) {
    observer.add(rig.put("f16", [to - from, k], Float64Array.from(values.slice(from * k, to * k))));
  }
  const found = observer.finish();
  const expected = new Float64Array(k * k);
  const most = new Float64Array(k);
  values.forEach((x, at) => {
    const row = at - at % k;
    for (let j = 0; j < k; j++) expected[(at % k) * k + j] += x * values[row + j] / 1100;
    most[at % k] = Math.max(most[at % k], Math.abs(x));
  });
  assertLess(relativeError(found.hessian, expected), 1e-5);
  assertEquals([...found.absmax], [...most]);
  assertEquals([...found.squares], Array.from({ length: k }, (_, j) => found.hessian[j * k + j]));
  assertEquals(found.sample.length, 64 * k);
}, ["cpu", "cuda"]);

backendTest(
  "statistics: rows of different sizes count alike, largest values as they are",
  (rig) => {
    const [count, k] = [30, 8];
    const values = Float16Array.from(new Random(3).normals(count * k));
    const sizes = Float64Array.from({ length: count }, (_, row) => 2 ** (row % 5));
    // The last row is added to a stream of zeros, and is one itself.
    sizes[count - 1] = 0;
    values.fill(0, (count - 1) * k);
    using observer = new InputObserver(rig.device, "f16", k, count);
    observer.add(rig.put("f16", [count, k], Float64Array.from(values)), sizes);
    const found = observer.finish();
    const expected = new Float64Array(k * k);
    for (let row = 0; row < count - 1; row++) {
      for (let i = 0; i < k; i++) {
        for (let j = 0; j < k; j++) {
          const product = values[row * k + i] * values[row * k + j];
          expected[i * k + j] += product / sizes[row] ** 2 / count;
        }
      }
    }
    assertLess(relativeError(found.hessian, expected), 1e-5);
    assertEquals([...found.squares], Array.from({ length: k }, (_, j) => found.hessian[j * k + j]));
    const most = Array.from({ length: k }, (_, j) => {
      return Math.max(...Array.from({ length: count }, (_, row) => Math.abs(values[row * k + j])));
    });
    assertEquals([...found.absmax], most);
    assertEquals([...found.sample], [...values]);
  },
  ["cpu", "cuda"],
);

backendTest("statistics: an error counts as a share of the stream that it is added to", (rig) => {
  const floats = makeFloats();
  const rows = states();
  const before = observe(rig.device, floats, rows);
  // What reads the stream normalizes it, so the first text's activations stay what they are.
  for (let i = 0; i < LENGTHS[0] * 96; i++) rows[i] *= 1000;
  const after = observe(rig.device, floats, rows);
  const others = observe(rig.device, floats, states().slice(LENGTHS[0] * 96), LENGTHS.slice(1));
  const ofOthers = (TOKENS - LENGTHS[0]) / TOKENS;
  for (const input of ["output", "down"] as const) {
    const expected = others.get(input)!.hessian.map((value) => value * ofOthers);
    assertLess(relativeError(after.get(input)!.hessian, expected), 1e-2, input);
  }
  assertLess(relativeError(after.get("qkv")!.hessian, before.get("qkv")!.hessian), 1e-2);
}, ["cpu", "cuda"]);

backendTest("smooth: the layer's function stays, its inputs are what is said of them", (rig) => {
  const floats = makeFloats();
  const before = forward(rig.device, floats, states());
  const known = observe(rig.device, floats);
  const said = smoothLayer(floats, PREFIX, CONFIG, known, findQuantizer("w8a8"));
  assertLess(relativeError(forward(rig.device, floats, states()), before), 2e-3);
  const found = observe(rig.device, floats);
  for (const input of INPUTS) {
    const [a, b] = [said.get(input)!, found.get(input)!];
    assertLess(relativeError(b.absmax, a.absmax), 2e-2, input);
    assertLess(relativeError(b.hessian, a.hessian), 2e-2, input);
  }
  // The outliers of the norms have shrunk.
  const ratio = (one: InputStatistics) => Math.max(...one.absmax) / Math.min(...one.absmax);
  assert(ratio(said.get("qkv")!) < 0.7 * ratio(known.get("qkv")!));
}, ["cpu", "cuda"]);

backendTest("rotate: a layer with biases on a rotated stream gives the rotated stream", (rig) => {
  const floats = makeFloats();
  const before = forward(rig.device, floats, states());
  const rotation = randomRotation(CONFIG, 5, new Float32Array(96).fill(1));
  rotateLayer(rotation, floats, PREFIX);
  const rows = states();
  rotation.stream.apply(rows);
  const after = forward(rig.device, floats, rows);
  rotation.stream.undo(after);
  assertLess(relativeError(after, before), 2e-3);
}, ["cpu", "cuda"]);

import { fileURLToPath } from "node:url";
import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { DEMO_DIR } from "../../../scripts/models/trio.ts";
import { ArgumentError, UnsupportedModelError } from "../../base/errors.ts";
import { checkHead, summarizeModel } from "../../model/mod.ts";
import { type Checkpoint, openCheckpoint } from "../checkpoint.ts";
import { openHead } from "../head.ts";
import { headShape } from "./head_shapes.ts";
import { inflate, inflateHead } from "./inflated.ts";
import { place, type Segment } from "./placement.ts";
import { modelShape } from "./shapes.ts";

const LLAMA = modelShape("llama-3-8b");

Deno.test("placement: norms shrink by a power of two, by an echo where needed", () => {
  const at = (h: number, H: number) =>
    place({ ...LLAMA, hiddenSize: h }, { ...LLAMA, hiddenSize: H }, 128);
  const cases: [number, number, number, number[]][] = [
    [256, 4096, 1 / 4, []],
    [256, 1280, 1 / 2, [1 / 2]],
    [384, 1024, 1, [Math.sqrt(5 / 3)]],
    [384, 2048, 1 / 2, [1 / 2, 1 / 4, 1 / 8, Math.sqrt(1 / 3) / 8]],
    [384, 8192, 1 / 4, Array.from({ length: 12 }, (_, i) => 2 ** -(i + 1))],
  ];
  for (const [h, H, gain, echoes] of cases) {
    const { written, read, constant, gain: found } = at(h, H);
    assertEquals([found, constant], [gain, H - 1]);
    assertEquals(read, [{ from: 0, to: 0, length: h, scale: 1 }]);
    assertEquals(written.map(({ to }) => to), [0, ...echoes].map((_, i) => i * h));
    for (const [i, scale] of [1, ...echoes].entries()) {
      assertAlmostEquals(written[i].scale, scale, 1e-12);
    }
    // The mean square over H must be gain^2 of that over h.
    const squares = written.reduce((sum, { length, scale }) => sum + length * scale ** 2, 0);
    assertAlmostEquals(squares / H / gain ** 2, 1, 2 ** -25);
    assert(written.every(({ to, length }) => to + length <= constant));
  }
  assertThrows(() => at(384, 768), ArgumentError, "hidden size is 768, expected 769 or more");
  assertThrows(() => at(384, 384), ArgumentError, "expected 385 or more");
  assertThrows(() => at(200, 4096), ArgumentError, "is 200, expected a multiple of 128");
});

Deno.test("placement: every query head reads a copy of its own key and value head", () => {
  const at = (heads: number, kvHeads: number, bigHeads: number, bigKv: number) =>
    place({ ...LLAMA, heads, kvHeads, hiddenSize: 128 }, {
      ...LLAMA,
      heads: bigHeads,
      kvHeads: bigKv,
    }, 128);
  const head = (x: number) => x / 128;
  const cases = [[3, 1, 64, 8], [2, 1, 32, 8], [3, 1, 4, 4], [6, 2, 8, 4], [4, 4, 16, 4]];
  for (const [heads, kvHeads, bigHeads, bigKv] of cases) {
    const { queries, keys } = at(heads, kvHeads, bigHeads, bigKv);
    const smallOf = new Map(keys.map(({ from, to }) => [head(to), head(from)]));
    assertEquals(queries.map(({ from }) => head(from)), [...Array(heads).keys()]);
    assertEquals(new Set(queries.map(({ to }) => to)).size, heads);
    for (const { from, to } of queries) {
      const group = Math.floor(head(to) / (bigHeads / bigKv));
      assertEquals(smallOf.get(group), Math.floor(head(from) / (heads / kvHeads)));
      assert(head(to) < bigHeads);
    }
  }
  assertThrows(
    () => at(3, 1, 2, 2),
    ArgumentError,
    "2 key and value heads of 1 query heads, expected 3",
  );
  const wide = { ...LLAMA, headDim: 64 };
  assertThrows(() => place(LLAMA, wide, 1), ArgumentError, "head width is 64, expected 128");
  const less = { ...LLAMA, hiddenSize: 8192, layers: 31 };
  assertThrows(() => place(LLAMA, less, 1), ArgumentError, "layers is 31, expected at least 32");
});

Deno.test("inflated: shapes of 70B and 8B with their heads are complete models", () => {
  for (const [role, name] of [["target", "llama-3-70b"], ["draft", "llama-3-8b"]]) {
    using small = openCheckpoint(`${DEMO_DIR}/${role}`);
    using big = inflate(small, modelShape(name));
    const { scheme } = summarizeModel(big);
    assertEquals([scheme, big.config.layers], ["w4a16-g128", modelShape(name).layers]);
    assertEquals(big.config.ropeTheta, small.config.ropeTheta);
    assertEquals(big.config.eosTokenIds, small.config.eosTokenIds);
    assertAlmostEquals(big.config.rmsNormEps, small.config.rmsNormEps / 16, 1e-15);
    using smallHead = openHead(`${DEMO_DIR}/${role}-eagle2`);
    using head = inflateHead(smallHead, small.config, modelShape(name));
    checkHead(head, big);
    assertEquals(head.config.model.rmsNormEps, big.config.rmsNormEps);
  }
});

/** Elements of a matrix in the rows and columns that segments name, as bytes each. */
function cornerOf(
  from: Checkpoint,
  name: string,
  rows: Segment,
  columns: Segment,
  unit: number,
  big: boolean,
): Uint8Array {
  const { shape, dtype } = from.tensors.info(name);
  const size = dtype === "i32" ? 4 : 2;
  const [row, column] = big ? [rows.to, columns.to] : [rows.from, columns.from];
  const out = new Uint8Array((rows.length / unit) * columns.length * size);
  const width = columns.length * size;
  for (let i = 0; i < rows.length / unit; i++) {
    const line = new Uint8Array(width);
    from.tensors.readInto(name, ((row / unit + i) * shape[1] + column) * size, line);
    out.set(line, i * width);
  }
  return out;
}

Deno.test("inflated: nibbles and scales of the corner are the small model's, bit for bit", () => {
  using small = openCheckpoint(`${DEMO_DIR}/target`);
  using big = inflate(small, modelShape("llama-3-70b"), { seed: 4 });
  const { queries, keys, read, written, inner } = place(small.config, big.config, 128);
  const layers: [string, readonly Segment[], readonly Segment[]][] = [
    ["self_attn.q_proj", queries, read],
    ["self_attn.v_proj", keys, read],
    ["self_attn.o_proj", written.slice(0, 1), queries],
    ["mlp.up_proj", inner, read],
    ["mlp.down_proj", written.slice(0, 1), inner],
  ];
  for (const [part, outputs, inputs] of layers) {
    for (const [suffix, unit] of [["qweight", 8], ["scales", 128]] as const) {
      const name = `model.layers.7.${part}.${suffix}`;
      for (const k of inputs) {
        for (const n of outputs) {
          const cut = (from: Checkpoint) => cornerOf(from, name, k, n, unit, from === big);
          assertEquals(cut(big), cut(small), name);
        }
      }
    }
  }
  // Outside of it scales are tiny, and none is zero but those of the constant.
  const scales = new Float16Array(
    big.tensors.read("model.layers.7.self_attn.o_proj.scales").buffer,
  );
  const zeros = scales.reduce((count, x) => count + (x === 0 ? 1 : 0), 0);
  assertEquals(zeros, 64); // one a group of the 8192 inputs
  const added = new Float16Array(
    big.tensors.read("model.layers.8.self_attn.q_proj.scales").buffer,
  );
  assert(added.every((x) => x > 0 && x <= 2 ** -22), "scales of an added layer");
  // Read in odd pieces, a tensor is the same.
  const name = "model.layers.0.input_layernorm.weight";
  const whole = big.tensors.read(name);
  const pieces: number[] = [];
  for (const piece of big.tensors.chunks(name, 77)) pieces.push(...piece);
  assertEquals(pieces, [...whole]);
});

Deno.test("inflated: what is refused", () => {
  using small = openCheckpoint(`${DEMO_DIR}/target`);
  using head = openHead(`${DEMO_DIR}/target-eagle2`);
  const shape = modelShape("llama-3-70b");
  const biased = { ...small, config: { ...small.config, qkvBias: true } };
  assertThrows(() => inflate(biased, shape), UnsupportedModelError, "with biases");
  assert(small.quantization?.method === "gptq");
  const config = { ...small.quantization.config, groupSize: -1 };
  const channel = { ...small, quantization: { method: "gptq" as const, config } };
  assertThrows(() => inflate(channel, shape), UnsupportedModelError, "group_size -1");
  assertThrows(() => inflate(small, modelShape("llama-3.2-1b")), ArgumentError, "head width");
  const other = { ...small.config, hiddenSize: 256 };
  assertThrows(
    () => inflateHead(head, other, shape),
    ArgumentError,
    "its hiddenSize is 384, expected 256",
  );
  for (const draftVocabSize of [3071, 128257]) {
    assertThrows(
      () => inflateHead(head, small.config, shape, { draftVocabSize }),
      ArgumentError,
      `draftVocabSize is ${draftVocabSize}, expected 3072 to 128256`,
    );
  }
  const block = { ...head, config: headShape("dspark", small.config) };
  assertThrows(
    () => inflateHead(block, small.config, shape),
    UnsupportedModelError,
    "a head of kind dspark",
  );
  const golden = fileURLToPath(new URL("../../../tests/data/golden/llama-bf16", import.meta.url));
  using bf16 = openCheckpoint(golden);
  using big = inflate(bf16, { ...bf16.config, hiddenSize: 4 * bf16.config.hiddenSize });
  assertThrows(
    () => big.tensors.read("model.embed_tokens.weight"),
    UnsupportedModelError,
    "inflating bf16",
  );
});

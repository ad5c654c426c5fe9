import { assertEquals, assertThrows } from "@std/assert";
import { backendTest } from "../../tests/backends.ts";
import { rounded } from "../../tests/half.ts";
import { Random } from "../../tests/random.ts";
import { blockOf, dequantize } from "../../tests/reference/gguf.ts";
import { assertClose } from "../../tests/rig.ts";
import { CheckpointError } from "../base/errors.ts";
import { sourceOf, type TensorInfo, type TensorSource } from "../checkpoint/containers/source.ts";
import { Arena, type Device } from "../device/mod.ts";
import { loadEmbedding } from "./embedding.ts";
import { WeightLoader } from "./loader.ts";
import { checkLinear, loadLinear } from "./registry.ts";

/** More than is staged at once. */
const LARGE = 1.1 * 2 ** 24;

/** A weight of one type, of random bits and scales about 0.01, that takes more than what is staged at once. */
function largeWeight(type: string, k: number) {
  const { block, bytes } = blockOf(type);
  const rowBytes = k / block * bytes;
  const n = Math.ceil(LARGE / rowBytes);
  const data = new Uint8Array(n * rowBytes);
  const random = new Random(n);
  // Over and over, at distances that pieces do not begin at.
  const period = 4099;
  for (let i = 0; i < period; i++) data[i] = random.integer(256);
  for (let at = period; at < data.length; at *= 2) data.copyWithin(at, 0, at);
  const view = new DataView(data.buffer);
  for (let at = 0; at < data.length; at += bytes) {
    view.setFloat16(type === "Q6_K" ? at + 208 : at, 1e-2, true);
    if (/_1|[45]_K/.test(type)) view.setFloat16(at + 2, 2e-2, true);
  }
  return { type, n, k, rowBytes, data };
}

function sourceOfWeight({ type, n, k, rowBytes, data }: ReturnType<typeof largeWeight>) {
  const info: TensorInfo = {
    ...{ name: "w.weight", dtype: "u8", shape: [n, rowBytes], bytes: data.length, file: "f" },
    blocks: { type, shape: [n, k] },
  };
  return sourceOf({
    file: "f",
    names: () => [info.name],
    find: (name) => name === info.name ? info : undefined,
    fill: (_, offset, into) => into.set(data.subarray(offset, offset + into.length)),
    close: () => {},
  });
}

function loaderOf(
  device: Device,
  arena: Arena,
  source: TensorSource,
  total = 1,
  heard: number[] = [],
) {
  const weights = { source, quantization: { method: "gguf", config: {} } } as const;
  return new WeightLoader(device, arena, weights, "f16", total, (done) => heard.push(done));
}

for (const type of ["Q4_0", "Q4_K", "Q8_0", "Q6_K"]) {
  backendTest(`${type}: what is staged stays small, and its pieces join`, (rig) => {
    const { device } = rig;
    const k = 512;
    const stored = largeWeight(type, k);
    const { n, rowBytes, data } = stored;
    using source = sourceOfWeight(stored);
    const part = { prefix: "w", n, k, bias: false };
    const { bytes } = checkLinear({ source, quantization: { method: "gguf", config: {} } }, [part]);
    const before = device.memory().used;
    using arena = new Arena(device, "weights");
    const heard: number[] = [];
    using loader = loaderOf(device, arena, source, bytes, heard);
    const linear = loadLinear(loader, [part]);
    loader.finish();
    assertEquals([linear.bytes, heard.at(-1)], [bytes, bytes]);
    // Blocks, elements of a byte and scales: less than four times what is staged, and buffers to send from.
    const staged = device.memory().used - before - bytes;
    if (staged > 4 * 2 ** 24 + 0.3 * bytes) throw new Error(`${staged} bytes beside the weight`);

    // One input after another gives a column.
    const x = new Float32Array(3 * k);
    const inputs = [0, 37, k - 1];
    inputs.forEach((input, i) => x[i * k + input] = 1);
    const y = rig.output("f32", [3, n]);
    linear.queue(y.tensor, rig.put("f16", [3, k], x), "logits");
    const found = y.values(true);
    const edge = Math.floor(2 ** 24 / rowBytes);
    for (const j of [0, 1, edge - 1, edge, edge + 1, n - 1]) {
      const row = dequantize(type, data.slice(j * rowBytes, (j + 1) * rowBytes));
      const expected = inputs.map((input) => row[input]);
      assertClose(inputs.map((_, i) => found[i * n + j]), expected, "f16", `output ${j}`);
    }
  }, ["cpu", "cuda"]);
}

backendTest("a table of four bits is one of eight, exactly, whatever its pieces", (rig) => {
  const { device } = rig;
  for (const type of ["Q4_0", "Q4_1", "Q8_0"]) {
    const stored = largeWeight(type, 512);
    const { n, k, rowBytes, data } = stored;
    using source = sourceOfWeight(stored);
    using arena = new Arena(device, "weights");
    using loader = loaderOf(rig.device, arena, source);
    const table = loadEmbedding(loader, { prefix: "w", n, k });
    loader.finish();
    const groups = k / 32;
    assertEquals(table.bytes, n * (k + groups * (type === "Q4_1" ? 4 : 2)));
    assertEquals(table.activations, "f16");
    const edge = Math.floor(2 ** 24 / rowBytes);
    const ids = [0, edge - 1, edge, n - 1, n];
    const out = rig.output("f16", [ids.length, k]);
    table.queue(out.tensor, rig.put("i32", [ids.length], ids));
    const found = out.values();
    for (const [i, id] of ids.entries()) {
      const exact = id === n
        ? new Float32Array(k)
        : dequantize(type, data.slice(id * rowBytes, (id + 1) * rowBytes));
      const expected = rounded("f16", exact).map((value) => value + 0);
      assertEquals(found.slice(i * k, (i + 1) * k).map((value) => value + 0), expected, `${id}`);
    }
  }
}, ["cpu", "cuda"]);

backendTest("blocks of another shape than the model's are refused", (rig) => {
  const stored = largeWeight("Q8_0", 512);
  using source = sourceOfWeight(stored);
  using arena = new Arena(rig.device, "weights");
  using loader = loaderOf(rig.device, arena, source);
  for (const [n, k] of [[stored.n + 1, 512], [stored.n, 544]]) {
    const message = `its shape is [${stored.n}, 512], expected [${n}, ${k}]`;
    const shape = { prefix: "w", n, k };
    assertThrows(() => loadEmbedding(loader, shape), CheckpointError, message);
    assertThrows(() => loadLinear(loader, [{ ...shape, bias: false }]), CheckpointError, message);
  }
}, ["cpu"]);

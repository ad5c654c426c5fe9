import { assert, assertEquals, assertThrows } from "@std/assert";
import { backendTest } from "../../tests/backends.ts";
import { random } from "../../tests/random.ts";
import { CheckpointError } from "../base/errors.ts";
import { f32ToBf16, f32ToF16 } from "../base/half.ts";
import { openSafetensors } from "../checkpoint/containers/safetensors.ts";
import {
  type TensorToWrite,
  writeSafetensors,
} from "../checkpoint/containers/safetensors_writer.ts";
import { sourceOf, type TensorSource } from "../checkpoint/containers/source.ts";
import { Arena } from "../device/mod.ts";
import { WeightLoader } from "./loader.ts";

const bytesOf = (array: ArrayBufferView<ArrayBuffer>) => new Uint8Array(array.buffer);

function withSource(tensors: TensorToWrite[], use: (source: TensorSource) => void): void {
  const dir = Deno.makeTempDirSync();
  try {
    writeSafetensors(`${dir}/t.safetensors`, tensors);
    using source = openSafetensors(`${dir}/t.safetensors`);
    use(source);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

backendTest("floats of every dtype arrive converted, in pieces, and are counted exactly", (rig) => {
  const { device } = rig;
  const next = random(1);
  const count = 600_001; // several pieces, the last one odd
  const values = Float32Array.from({ length: count }, () => next() - 0.5);
  const stored = { f32: values, f16: f32ToF16(values), bf16: f32ToBf16(values) };
  const tensors = (["f32", "f16", "bf16"] as const).map((dtype): TensorToWrite => ({
    name: dtype,
    dtype,
    shape: [count],
    data: () => bytesOf(stored[dtype]),
  }));
  withSource(tensors, (source) => {
    const total = 3 * count * 2;
    const heard: number[] = [];
    using arena = new Arena(device, "weights");
    using loader = new WeightLoader(device, arena, { source }, "f16", total, (done, all) => {
      assertEquals(all, total);
      assert(done > (heard.at(-1) ?? 0), "progress did not move");
      heard.push(done);
    });
    const loaded = tensors.map(({ name }) => loader.float(name, [count]));
    loader.finish();
    assertEquals(heard.at(-1), total);
    const bf16 = new Uint32Array(count);
    stored.bf16.forEach((bits, i) => bf16[i] = bits << 16);
    const expected = [stored.f16, stored.f16, f32ToF16(new Float32Array(bf16.buffer))];
    for (const [i, t] of loaded.entries()) {
      assertEquals(device.download(t), bytesOf(expected[i]), tensors[i].name);
    }
  });
});

backendTest("values beyond f16 are refused, wherever they lie", (rig) => {
  const values = new Float32Array(300_000);
  values[299_998] = 70_000;
  const wide = { name: "w", dtype: "f32", shape: [300_000], data: () => bytesOf(values) } as const;
  withSource([wide], (source) => {
    using arena = new Arena(rig.device, "weights");
    using loader = new WeightLoader(rig.device, arena, { source }, "f16", 600_000);
    assertThrows(() => loader.float("w", [300_000]), CheckpointError, "beyond f16");
  });
});

backendTest("staging memory is reused, and grows", (rig) => {
  using arena = new Arena(rig.device, "weights");
  withSource([], (source) => {
    using loader = new WeightLoader(rig.device, arena, { source }, "f16", 1);
    const first = loader.staging(1000);
    assertEquals(loader.staging(500), first);
    assertEquals(loader.staging(5000).shape, [5000]);
  });
});

backendTest("no tensor is read whole: pieces are at most 8 MiB", (rig) => {
  const bytes = 200 * 2 ** 20;
  let largest = 0;
  const info = { name: "w", dtype: "f16", shape: [bytes / 2], bytes, file: "made up" } as const;
  using source = sourceOf({
    file: "made up",
    names: () => ["w"],
    find: () => info,
    fill: (_, __, into) => void (largest = Math.max(largest, into.length)),
    close: () => {},
  });
  using arena = new Arena(rig.device, "weights");
  using loader = new WeightLoader(rig.device, arena, { source }, "f16", bytes);
  loader.float("w", [bytes / 2]);
  loader.finish();
  assertEquals(largest, 8 * 2 ** 20);
}, ["cpu", "cuda"]);
